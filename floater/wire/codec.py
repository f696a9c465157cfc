"""Headers to messages and back: validated, unknown fields ignored, unknown types told apart (spec §3.3)."""

import re
from typing import Any, Final, Generic, TypeVar

import msgspec

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.frame import Frame, encode_frame, frame_head

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


def snake_case(name: str) -> str:
    """Turn a class name into the word that stands for it on the wire."""
    return _WORD.sub("_", name).lower()


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag=snake_case):
    """Base of every message of either leg. Its class name in snake case is its `type` on the wire."""


class _Envelope(msgspec.Struct):
    type: str
    id: Any = 0


_encoder: Final = msgspec.json.Encoder()
_envelope: Final = msgspec.json.Decoder(_Envelope)

AnyMessage = TypeVar("AnyMessage", bound=Message)


class UnknownType(RemoteProtocolError):
    """A type of a later version: refused politely, and the stream goes on.

    `id` is that of the request, 0 if it has none.
    """

    def __init__(self, type_: str, id_: int) -> None:
        super().__init__(Code.UNKNOWN_TYPE, type_[:64])
        self.id = id_


def encode(message: Message, body: bytes | memoryview = b"") -> bytes:
    """Lay a message out as one frame."""
    return encode_frame(_encoder.encode(message), body)


def encode_head(message: Message, body_size: int) -> bytes:
    """Lay a message out as all of its frame but the body, which is sent by itself."""
    return frame_head(_encoder.encode(message), body_size)


class Codec(Generic[AnyMessage]):
    """Decodes the headers of one direction of one leg.

    Args:
        union: the messages allowed there, as a union of `Message` classes.
    """

    def __init__(self, union: Any, types: tuple[type[Message], ...]) -> None:
        self._decoder: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(union)
        self._types = frozenset(snake_case(cls.__name__) for cls in types)

    def decode(self, frame: Frame) -> AnyMessage:
        """Read a header.

        Raises:
            UnknownType: well formed, but of no type known here.
            RemoteProtocolError: BAD_FRAME (no JSON object with a `type`) or
                BAD_FIELD (a field missing, of the wrong type, out of range).
        """
        try:
            return self._decoder.decode(frame.header)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            try:
                envelope = _envelope.decode(frame.header)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise RemoteProtocolError(Code.BAD_FRAME) from None
            if envelope.type not in self._types:
                id_ = envelope.id if type(envelope.id) is int and 0 < envelope.id <= 2**53 else 0
                raise UnknownType(envelope.type, id_) from None
            raise RemoteProtocolError(Code.BAD_FIELD, f"{envelope.type}: {error}") from None
