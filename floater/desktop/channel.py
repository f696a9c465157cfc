"""The one object that the page can see: lines in, lines out.

Lines are those of `floater headless`. A line of the page is treated like one
of a stranger, because a script that got into the page would speak here: so
it may not name a file, a folder or a server program, and may not quit.

Lines go out in batches, one at a time: the page says `taken` when it has time
for the next one. An empty batch asks it for a sign of life.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, get_args

from PyQt6.QtCore import QObject, QTimer, pyqtSignal, pyqtSlot

from floater import api
from floater.bridge.lines import Id, NoCommand, read_command, reply_line
from floater.bridge.turns import Answer
from floater.codes import Code
from floater.desktop.api import AnyShellCommand, Kept
from floater.desktop.page_queue import PageQueue
from floater.desktop.safety import report, under_net
from floater.desktop.watchdog import Watchdog

MAX_LINE: Final = 1 << 20
"Characters of one command; a text of 64 KiB needs less even if all of it is escaped."
GATHER: Final = 8
"Milliseconds for which lines to the page are gathered, so that a thousand of them are not a thousand calls."

Do: TypeAlias = Callable[[api.Command, Callable[[Answer], None]], None]
"Carries out a command and calls the function once with the answer, perhaps later."

_SHELL: Final = get_args(AnyShellCommand)


class Channel(QObject):
    """Between the page and those who carry out its commands.

    Args:
        core: carries out commands of `floater.api`.
        shell: carries out commands of `floater.desktop.api`.
    """

    lines = pyqtSignal(str)
    "Lines for the page, separated by newlines; empty if only a sign of life is wanted."
    hangs = pyqtSignal()
    "The page has not answered for some seconds."

    def __init__(self, core: Do, shell: Do) -> None:
        super().__init__()
        self._core = core
        self._shell = shell
        self._listening = False
        self._inside = 0
        "Commands that are being carried out: while one of them shows a dialog, the page is not heard."
        self._queue = PageQueue()
        self._watchdog = Watchdog(self._ask)
        self._watchdog.hangs.connect(under_net(lambda: self.hangs.emit()))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(GATHER)
        self._timer.timeout.connect(self._flush)

    @pyqtSlot(str)
    @under_net
    def send(self, line: str) -> None:
        """Take one command from the page. Exactly one reply follows."""
        self._inside += 1
        try:
            self._take(line)
        finally:
            self._inside -= 1

    @pyqtSlot()
    @under_net
    def taken(self) -> None:
        """Let the page say that it has taken the last batch, and is ready for the next one."""
        self._watchdog.heard()
        self._queue.taken()
        if not self._timer.isActive():
            self._flush()

    def tell(self, event: api.Event) -> None:
        """Give the page an event, soon.

        While no page listens, notices and mails are held for it; a page that
        begins asks for all else.
        """
        self._queue.event(event)
        if self._listening:
            self._flush_soon()
        else:
            self._queue.forget_page()

    def page_gone(self) -> None:
        """Hold what comes until the page, loaded again, sends its first command."""
        self._listening = False
        self._watchdog.end()
        self._queue.forget_page()

    def _take(self, line: str) -> None:
        self._watchdog.heard()
        self._listening = True
        try:
            if len(line) > MAX_LINE:
                raise NoCommand(None)
            number, command = read_command(line, api.AnyCommand | AnyShellCommand)
        except NoCommand as error:
            self._answer(error.id, _REFUSAL)
            return
        if isinstance(
            command, Kept
        ):  # a page that has just been loaded: what the last one did not take is lost
            self._queue.forget_page()
        self._flush_soon()
        answer = partial(self._answer, number)
        try:
            if isinstance(command, _SHELL):
                self._shell(command, answer)
            elif _is_forbidden(command):
                answer(_REFUSAL)
            else:
                self._core(command, answer)
        except Exception as error:  # the page would wait for the reply for ever
            report(error)
            answer(_FAILURE)

    def _answer(self, number: Id | None, answer: Answer) -> None:
        self._queue.reply(reply_line(number, answer))
        self._flush_soon()

    def _ask(self) -> bool:
        if self._inside:
            return False
        if not self._queue.is_out:
            self._queue.ask()
            self.lines.emit("")
        return True

    def _flush_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @under_net
    def _flush(self) -> None:
        if self._listening and (lines := self._queue.next()):
            self.lines.emit(lines)


_REFUSAL: Final = api.Error(Code.BAD_COMMAND.value, "")
_FAILURE: Final = api.Error(Code.INTERNAL.value, "")


def _is_forbidden(command: api.Command) -> bool:
    """Return whether a command names a file or folder, or ends the program."""
    match command:
        case api.SendFile() | api.Quit():
            return True
        case api.Accept(to=path) | api.Set(downloads=path):
            return bool(path)
        case _:
            return False
