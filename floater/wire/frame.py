"""Length-prefixed frames, the same on both legs (spec §3).

Layout, big-endian::

    u16 header_size | u32 body_size | header (JSON object, UTF-8) | body
"""

import struct
from dataclasses import dataclass
from typing import Final

from floater.codes import Code
from floater.errors import LocalProtocolError, RemoteProtocolError

PREFIX: Final = struct.Struct("!HI")


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What one leg accepts, in bytes. Refused from the prefix alone, before anything is kept."""

    header: int
    body: int


SERVER_LEG: Final = FrameLimits(header=16_384, body=0)
"A ticketed match with 16 candidates takes under 6 KiB. The server leg has no bodies."

PEER_LEG: Final = FrameLimits(header=4_096, body=262_144)
"The body limit is one part of a file (spec §7.6)."


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it travels: a JSON object and its bytes."""

    header: bytes
    body: bytes = b""


def encode_frame(header: bytes, body: bytes | memoryview = b"") -> bytes:
    """Lay one frame out. The caller has checked the limits of its leg.

    Raises:
        LocalProtocolError: the header does not fit its length field.
    """
    if len(header) > 0xFFFF:
        raise LocalProtocolError(f"header of {len(header)} bytes")
    return b"".join((PREFIX.pack(len(header), len(body)), header, body))


class FrameReader:
    """Cuts one direction of a stream into frames, however its bytes were split.

    Holds at most one unfinished frame: `limits.header + limits.body + 6` bytes
    beyond what one `feed` brought.
    """

    def __init__(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """Take what has arrived and return every frame that is now whole.

        Raises:
            RemoteProtocolError: FRAME_TOO_LARGE, from the prefix alone, or
                BAD_FRAME for an empty header. Frames before the bad one are
                lost with the stream; the reader is of no further use.
        """
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        start = 0
        while len(buffer) - start >= PREFIX.size:
            header_size, body_size = PREFIX.unpack_from(buffer, start)
            if header_size > self._limits.header or body_size > self._limits.body:
                raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"{header_size} + {body_size} bytes")
            if header_size == 0:
                raise RemoteProtocolError(Code.BAD_FRAME, "empty header")
            body_at = start + PREFIX.size + header_size
            end = body_at + body_size
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                frames.append(Frame(bytes(view[start + PREFIX.size : body_at]), bytes(view[body_at:end])))
            start = end
        if start:
            del buffer[:start]
        return frames

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame that are being held."""
        return len(self._buffer)
