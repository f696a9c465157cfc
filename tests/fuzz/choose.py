"""Turn a fuzzer's bytes into decisions, so that a mutation of the bytes is a mutation of the story they tell.

Both hypothesis and atheris hand over plain bytes; everything structured is
built from them here, deterministically, with no randomness of its own.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from floater.wire.codec import Message, encode, snake_case

T = TypeVar("T")

OURS, THEIRS = "0" * 16, "f" * 16
"The author names of the two sides."
EDGE_IDS = (f"{OURS}.1", f"{THEIRS}.1", f"{OURS}.2", f"{THEIRS}.9999999999999999", f"{'2' * 16}.1")
EDGE_TEXTS = (
    "", "a", "你好", *EDGE_IDS, "\u202e", "\x00", "🙂" * 8, "x" * 64, "x" * 256,
    "../../etc/passwd", "C:\\con.txt", "10.0.0.1", "::1", "fe80::1%eth0", "image/png", "text/plain", "m1",
    "zh", "blake3",
)  # fmt: skip
EDGE_NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    255,
    4_096,
    65_535,
    65_536,
    262_143,
    262_144,
    1_048_575,
    1_048_576,
    2**31,
    2**40,
    2**53,
    2**53 + 1,
    -1,
)
JUNK: tuple[Any, ...] = (None, True, [], {}, "x", -1, 2**70, 1.5, [[[]]], {"type": "text"})


class Choices:
    """A fuzzer's bytes, read as a row of choices. After the last byte every choice is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are still to be read."""
        return len(self._data) - self._at

    def byte(self) -> int:
        """Read one byte, 0 at the end."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def below(self, bound: int) -> int:
        """Choose a number in [0, bound)."""
        value = self.byte() if bound <= 256 else self.byte() << 8 | self.byte()
        return value % bound

    def pick(self, options: Sequence[T]) -> T:
        """Choose one of them."""
        return options[self.below(len(options))]

    def chance(self, one_in: int) -> bool:
        """Choose whether the unlikely happens; never after the last byte."""
        return self.left > 0 and self.below(one_in) == one_in - 1

    def take(self, most: int) -> bytes:
        """Take up to `most` bytes as they are."""
        size = self.below(min(most, 65_535) + 1)
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def rest(self) -> bytes:
        """Take all that is left."""
        taken, self._at = self._data[self._at :], len(self._data)
        return taken


def make_header(cls: type[Message], choices: Choices, *, hostile: bool = True) -> dict[str, Any]:
    """Fill a message's fields: mostly with what is allowed and at its edges, now and then with junk."""
    header: dict[str, Any] = {"type": snake_case(cls.__name__)}
    for field in inspect.type_info(cls).fields:  # type: ignore[attr-defined]  # a StructType, whose stubs say Type
        if hostile and choices.chance(32):
            header[field.encode_name] = choices.pick(JUNK)
        elif field.required or choices.chance(2):
            header[field.encode_name] = _value(field.type, choices)
    if hostile and choices.chance(64):
        header["of_a_later_version"] = choices.pick(JUNK)
    return header


def make_message(cls: type[T], choices: Choices, **known: Any) -> T | None:
    """Build a valid message of this class, some of its fields known; None if the bytes do not make one."""
    header = make_header(cls, choices, hostile=False) | known  # type: ignore[arg-type]  # T is a Message
    try:
        return msgspec.convert(header, cls)
    except msgspec.ValidationError:
        return None


def frame_of(cls: type[Message], choices: Choices, body: bytes = b"") -> bytes:
    """Lay a message of this class, good or bad, out as a frame."""
    header = msgspec.json.encode(make_header(cls, choices))
    return len(header).to_bytes(2, "big") + len(body).to_bytes(4, "big") + header + body


def seeds_of(types: Sequence[type[Message]]) -> list[bytes]:
    """A good frame of every type, for a fuzzer to begin with."""
    made = (make_message(cls, Choices(bytes([1] * 64))) for cls in types)
    return [encode(message) for message in made if message is not None]


def _value(kind: inspect.Type, choices: Choices) -> Any:
    match kind:
        case inspect.IntType():
            return choices.pick(EDGE_NUMBERS)
        case inspect.FloatType():
            return float(choices.pick(EDGE_NUMBERS))
        case inspect.BoolType():
            return choices.chance(2)
        case inspect.StrType():
            text = choices.pick(EDGE_TEXTS)
            return text[: kind.max_length] if kind.max_length is not None and choices.chance(2) else text
        case inspect.BytesType():
            size = kind.min_length or choices.below(64)
            return bytes(size)
        case inspect.EnumType():
            members: list[Enum] = list(kind.cls)
            return choices.pick(members).value
        case inspect.StructType():
            return {f.encode_name: _value(f.type, choices) for f in kind.fields}
        case inspect.VarTupleType():
            return [_value(kind.item_type, choices) for _ in range(1 + choices.below(3))]
        case inspect.TupleType():
            return [_value(item, choices) for item in kind.item_types]
        case inspect.UnionType():
            return _value(choices.pick(kind.types), choices)
        case _:
            return None
