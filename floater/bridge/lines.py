"""The API as JSON lines: commands in, replies and events out (see `floater.api`)."""

import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from functools import lru_cache, partial
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from floater import api
from floater.bridge.dispatch import Dispatcher, Doer
from floater.bridge.turns import Answer, Request
from floater.codes import Code
from floater.errors import FloaterError

Id: TypeAlias = int | str
"What tells the answers of one face apart."


class NoCommand(Exception):
    """A line that is no command; `id` as far as it has one."""

    def __init__(self, number: Id | None) -> None:
        super().__init__()
        self.id = number


class _Envelope(msgspec.Struct):
    id: Id


_envelope: Final = msgspec.json.Decoder(_Envelope)
_encoder: Final = msgspec.json.Encoder()
_SURROGATE: Final = re.compile(r"\\u[dD][89A-Fa-f]|[\ud800-\udfff]")
_PATHS: Final = frozenset({"path", "to", "downloads"})
"Fields of commands that name a file or folder."


class Sink(Protocol):
    """Takes lines, each whole and with its end."""

    def write(self, line: bytes) -> None:
        """Take a line; return at once."""

    def hold(self) -> None:
        """Keep what is written from now on, until `flush` or the end of this turn of the loop."""

    def flush(self) -> None:
        """Let go of what is kept."""


class Lines:
    """Carries out one stream of lines.

    A reply is written together with the events that led to it: the sooner the reader is woken,
    the longer it takes from the command until the peer has the text.

    Args:
        doer: the client.
        sink: takes the replies and events.
    """

    def __init__(self, doer: Doer, sink: Sink) -> None:
        self._doer = doer
        self._sink = sink
        self._dispatcher = Dispatcher(self, lambda event: sink.write(event_line(event)))

    def emit(self, event: api.Event) -> None:
        """Take an event from the client and write it."""
        self._dispatcher.emit(event)

    async def do(self, command: api.Command) -> api.Reply:
        """Have the client carry out a command."""
        self._sink.hold()
        return await self._doer.do(command)

    def explain(self, error: FloaterError) -> api.Error:
        """Return the code of an error and its sentence in the person's language."""
        return self._doer.explain(error)

    async def run(self, lines: AsyncIterable[bytes | None]) -> bool:
        """Carry out lines until they end, or until `quit`; then those that are open are given up.

        Args:
            lines: each without its end; None in place of one that was too long.

        Returns:
            Whether `quit` was said.
        """
        async with aclosing(self._requests(lines)) as requests:
            return await self._dispatcher.run(requests)

    async def _requests(self, lines: AsyncIterable[bytes | None]) -> AsyncGenerator[Request, None]:
        async for line in lines:
            if line is not None and not line.strip():
                continue
            try:
                if line is None:
                    raise NoCommand(None)
                number, command = read_command(line, api.AnyCommand)
            except NoCommand as error:
                self._answer(error.id, self._doer.explain(FloaterError(Code.BAD_COMMAND)))
            else:
                yield Request(command, partial(self._answer, number))

    def _answer(self, number: Id | None, answer: Answer) -> None:
        self._sink.write(reply_line(number, answer))
        self._sink.flush()


def read_command(line: bytes | str, commands: Any) -> tuple[Id, Any]:
    """Read one line: its id and its command.

    Args:
        line: JSON.
        commands: the union of the commands that are known.

    Raises:
        NoCommand: no JSON object, no `id` (a whole number or a string), no
            such command, or a field that is missing or of the wrong type.
    """
    try:
        number = _envelope.decode(line).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _read_with_surrogates(line, commands)
    try:
        return number, _decoder(commands).decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NoCommand(number) from None


def _read_with_surrogates(line: bytes | str, commands: Any) -> tuple[Id, Any]:
    """Read a line that has halves of surrogate pairs, as JSON has a path that is not UTF-8."""
    try:
        text = line if isinstance(line, str) else line.decode("utf-8")
        found: Any = json.loads(text) if _SURROGATE.search(text) else None
        whole = isinstance(found, dict) and "id" in found
        number = msgspec.convert({"id": found["id"]} if whole else found, _Envelope).id
        if isinstance(number, str):
            number.encode("utf-8")
    except (ValueError, RecursionError):
        raise NoCommand(None) from None
    try:
        # Nothing but paths may have them.
        others = {name: value for name, value in found.items() if name not in _PATHS}
        json.dumps(others, ensure_ascii=False).encode("utf-8")
        command = msgspec.convert(found, commands)
        for name in _PATHS:
            if isinstance(path := getattr(command, name, None), str):
                os.fsencode(path)
    except (ValueError, RecursionError):
        raise NoCommand(number) from None
    return number, command


@lru_cache(maxsize=8)
def _decoder(commands: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(commands)  # costs more than to decode a line


def reply_line(number: Id | None, answer: Answer) -> bytes:
    """The line, with its end, that answers the command with this id."""
    if isinstance(answer, api.Error):
        return _line({"reply": number, "ok": False, "error": answer})
    return _line({"reply": number, "ok": True, **msgspec.to_builtins(answer)})


def event_line(event: api.Event) -> bytes:
    """The line, with its end, that tells of an event."""
    return _line(event)


def _line(what: Any) -> bytes:
    try:
        return _encoder.encode(what) + b"\n"
    except UnicodeEncodeError:  # a path that is not UTF-8: its bytes are halves of surrogate pairs
        return json.dumps(msgspec.to_builtins(what), separators=(",", ":")).encode("ascii") + b"\n"
