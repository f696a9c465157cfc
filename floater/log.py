"""Set up the log: plain lines on stderr, `floater.<room>` and `server.<room>` loggers.

::

    12:03:55 I server.gateway = listening, 3 observers

Lines begin with `<` for input, `>` for output, `=` for a state. They name types,
codes and numbers, never an address, a name or a text of a person. The message of
an error may hold any of those (`OSError` names the address it could not reach), so
an exception is logged as its type and its place in the code, and nothing else.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TextIO

_LINE: Final = "%(asctime)s %(levelname).1s %(name)s %(message)s"
_MAX_CHAIN: Final = 5


class WordlessFormatter(logging.Formatter):
    """Writes an exception as its type and its places in the code, without its message."""

    def __init__(self) -> None:
        super().__init__(_LINE, datefmt="%H:%M:%S")

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Write an exception and what caused it, the cause last."""
        parts: list[str] = []
        error = ei[1]
        while error is not None and len(parts) < _MAX_CHAIN:
            parts.append(_describe(error))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n  from ".join(parts)


def _describe(error: BaseException) -> str:
    code = getattr(error, "code", None)
    name = type(error).__qualname__ + (f" {code}" if isinstance(code, str) else "")
    places = (
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    )
    return "\n    ".join((name, *places))


def set_up_log(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every logger's lines to `stream`, by default stderr. Programs call it, libraries never do."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(WordlessFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for room in ("floater", "server"):
        logging.getLogger(room).setLevel(level)


def log_loop_errors(
    loop: asyncio.AbstractEventLoop,
    log: logging.Logger,
    failed: Callable[[BaseException], None] = lambda _: None,
) -> None:
    """Let a loop's own complaints pass without the transports and addresses that they usually show.

    Args:
        loop: goes on after each of them.
        log: takes them.
        failed: takes each exception that left a callback, but not those of a stream that broke.
    """

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError):  # a stream that broke: its protocol has been told
            log.debug("= the loop met %s", type(error).__name__)
        else:
            log.error("= the loop met %s", type(error).__name__, exc_info=error)
            if error is not None:
                failed(error)

    loop.set_exception_handler(handle)
