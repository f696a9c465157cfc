"""The one object the page can see: lines in, lines out.

Lines are those of `floater headless`. What the page says is treated as if a
stranger had said it, because whoever got into the page would speak here: so
it may not name a file, a folder or a server program, and may not quit.
"""

import json
from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec
from PyQt6.QtCore import QObject, QTimer, pyqtSignal, pyqtSlot

from floater.codes import Code
from floater.desktop.api import SHELL_COMMANDS, AnyShellCommand

MAX_LINE: Final = 1 << 20
"Characters of one command; a text of 64 KiB needs less even if all of it is escaped."
GATHER: Final = 8
"Milliseconds for which lines to the page are gathered, so that a thousand of them are not a thousand calls."

_NOT_FROM_THE_PAGE: Final = frozenset({"send_file", "quit"})
_SHELL: Final = frozenset(cls.__struct_config__.tag for cls in get_args(AnyShellCommand))


class Door(QObject):
    """Passes lines between the page and those who answer them.

    Args:
        core: takes a line for the client; its answers come back through `tell`.
        shell: takes a parsed command of the window, and a function to reply and one to refuse with.
    """

    lines = pyqtSignal(str)
    "One or more lines for the page, separated by newlines."

    def __init__(
        self,
        core: Callable[[str], None],
        shell: Callable[[Any, Callable[[Any], None], Callable[[dict[str, Any]], None]], None],
    ) -> None:
        super().__init__()
        self._core = core
        self._shell = shell
        self._gathered: list[str] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(GATHER)
        self._timer.timeout.connect(self._flush)

    @pyqtSlot(str)
    def send(self, line: str) -> None:
        """Take one command from the page. Exactly one reply follows."""
        try:
            command = json.loads(line) if len(line) <= MAX_LINE else None
        except (ValueError, RecursionError):
            command = None
        if not isinstance(command, dict) or not isinstance(command.get("id"), int):
            self.refuse(None, Code.BAD_COMMAND)
            return
        name, number = command.get("command"), command["id"]
        if name in _SHELL:
            self._do_here(line, number)
        elif name in _NOT_FROM_THE_PAGE or command.get("to") or command.get("downloads"):
            self.refuse(number, Code.BAD_COMMAND)
        else:
            self._core(line)

    def tell(self, line: str) -> None:
        """Give the page a line, soon."""
        self._gathered.append(line)
        if not self._timer.isActive():
            self._timer.start()

    def refuse(self, number: int | None, code: Code, message: str = "") -> None:
        """Turn a command down."""
        error = {"code": code.value, "message": message}
        self.tell(json.dumps({"reply": number, "ok": False, "error": error}, ensure_ascii=False))

    def _do_here(self, line: str, number: int) -> None:
        try:
            command = SHELL_COMMANDS.decode(line)
        except msgspec.ValidationError:
            self.refuse(number, Code.BAD_COMMAND)
            return
        self._shell(
            command,
            lambda reply: self._answer(number, reply),
            lambda error: self.refuse(number, Code(error["code"]), error["message"]),
        )

    def _answer(self, number: int, reply: Any) -> None:
        fields = {"reply": number, "ok": True, **msgspec.to_builtins(reply)}
        self.tell(json.dumps(fields, ensure_ascii=False))

    def _flush(self) -> None:
        lines, self._gathered = "\n".join(self._gathered), []
        self.lines.emit(lines)
