"""The one object that the page can see: lines in, lines out.

Lines are those of `floater headless`. A line of the page is treated like one
of a stranger, because a script that got into the page would speak here: so
it may not name a file, a folder or a server program, and may not quit.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, get_args

from PyQt6.QtCore import QObject, QTimer, pyqtSignal, pyqtSlot

from floater import api
from floater.bridge.lines import Id, NoCommand, event_line, read_command, reply_line
from floater.bridge.turns import Answer
from floater.codes import Code
from floater.desktop.api import AnyShellCommand
from floater.desktop.safety import report, under_net

MAX_LINE: Final = 1 << 20
"Characters of one command; a text of 64 KiB needs less even if all of it is escaped."
GATHER: Final = 8
"Milliseconds for which lines to the page are gathered, so that a thousand of them are not a thousand calls."
MAX_HELD: Final = 64
"Events that are held for a page that is not there yet; of more, the newest."

Do: TypeAlias = Callable[[api.Command, Callable[[Answer], None]], None]
"Carries out a command and calls the function once with the answer, perhaps later."

_SHELL: Final = get_args(AnyShellCommand)
_TOLD_BY_NO_REPLY: Final = (api.Notice, api.Mailed)


class Channel(QObject):
    """Between the page and those who carry out its commands.

    Args:
        core: carries out commands of `floater.api`.
        shell: carries out commands of `floater.desktop.api`.
    """

    lines = pyqtSignal(str)
    "One or more lines for the page, separated by newlines."

    def __init__(self, core: Do, shell: Do) -> None:
        super().__init__()
        self._core = core
        self._shell = shell
        self._listening = False
        self._held: list[api.Event] = []
        self._gathered: list[bytes] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(GATHER)
        self._timer.timeout.connect(self._flush)

    @pyqtSlot(str)
    @under_net
    def send(self, line: str) -> None:
        """Take one command from the page. Exactly one reply follows."""
        self._begin()
        try:
            if len(line) > MAX_LINE:
                raise NoCommand(None)
            number, command = read_command(line, api.AnyCommand | AnyShellCommand)
        except NoCommand as error:
            self._answer(error.id, _REFUSAL)
            return
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

    def tell(self, event: api.Event) -> None:
        """Give the page an event, soon.

        While no page listens, notices and mails are held for it; a page that
        begins asks for all else.
        """
        if self._listening:
            self._gather(event_line(event))
        elif isinstance(event, _TOLD_BY_NO_REPLY):
            self._held = [*self._held[1 - MAX_HELD :], event]

    def page_gone(self) -> None:
        """Hold what comes until the page, loaded again, sends its first command."""
        self._listening = False

    def _begin(self) -> None:
        self._listening = True
        held, self._held = self._held, []
        for event in held:
            self._gather(event_line(event))

    def _answer(self, number: Id | None, answer: Answer) -> None:
        self._gather(reply_line(number, answer))

    def _gather(self, line: bytes) -> None:
        self._gathered.append(line)
        if not self._timer.isActive():
            self._timer.start()

    @under_net
    def _flush(self) -> None:
        lines, self._gathered = b"".join(self._gathered), []
        self.lines.emit(lines.decode("utf-8").rstrip("\n"))


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
