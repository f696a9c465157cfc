"""Length-prefixed frames, the same on both legs (spec §3).

Layout, big-endian::

    u16 header_size | u32 body_size | header (JSON object, UTF-8) | body
"""

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.codes import Code
from floater.errors import LocalProtocolError, RemoteProtocolError

PREFIX: Final = struct.Struct("!HI")


Body: TypeAlias = bytes | bytearray
"The body of a frame. It does not change once the frame is whole."


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What one leg accepts, in bytes. Refused from the prefix alone, before anything is kept."""

    header: int
    body: int


SERVER_LEG: Final = FrameLimits(header=16_384, body=0)
"A ticketed match with 16 candidates takes under 6 KiB. The server leg has no bodies."

PEER_LEG: Final = FrameLimits(header=4_096, body=1_048_576)
"The body limit is one part of a file (spec §7.6)."


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it travels: a JSON object and its bytes."""

    header: bytes
    body: Body = b""


def encode_frame(header: bytes, body: Body | memoryview = b"") -> bytes:
    """Lay one frame out. The caller has checked the limits of its leg.

    Raises:
        LocalProtocolError: the header does not fit its length field.
    """
    return b"".join((frame_head(header, len(body)), body))


def frame_head(header: bytes, body_size: int) -> bytes:
    """Lay out a frame up to its body, which is sent by itself. Raises what `encode_frame` does."""
    if len(header) > 0xFFFF:
        raise LocalProtocolError(f"header of {len(header)} bytes")
    return PREFIX.pack(len(header), body_size) + header


class FrameReader:
    """Cuts one direction of a stream into frames, however its bytes were split.

    Holds at most one unfinished frame: `limits.header + limits.body + 6` bytes.
    A caller that reads the bytes of a long body straight into `room` saves a copy.
    """

    def __init__(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._start = bytearray()
        "The bytes of a frame whose header is not complete."
        self._header = b""
        self._body = bytearray()
        "Empty until a first piece of the body has come; from then on as long as it will be."
        self._missing = 0
        "Bytes of the body that have not come; of no meaning without a header."
        self._fault: RemoteProtocolError | None = None
        "What is wrong with the next frame."

    @property
    def room(self) -> memoryview | None:
        """Where the rest of a body that is under way belongs; None if there is no such body."""
        return memoryview(self._body)[-self._missing :] if self._body else None

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """Take what has arrived and return every frame that is now whole.

        A bad prefix behind whole frames is judged when its turn comes: carry out the frames, then call
        `check`. So the way in which the bytes were split changes nothing.

        Args:
            data: the bytes; they may be the start of `room` as it was before.

        Raises:
            RemoteProtocolError: the first frame has a bad prefix: FRAME_TOO_LARGE, from the prefix alone,
                or BAD_FRAME for an empty header. The reader is of no further use.
        """
        self.check()
        view = memoryview(data)
        frames: list[Frame] = []
        at = 0
        while True:
            if not self._header:
                try:
                    at = self._take_header(view, at)
                except RemoteProtocolError as error:
                    if not frames:
                        raise
                    self._fault = error
                    return frames
                if not self._header:
                    return frames
            piece = view[at : at + self._missing]
            at += len(piece)
            if self._body or len(piece) < self._missing:
                self._keep(piece)
                if self._missing:
                    return frames
                frames.append(Frame(self._header, self._body))
            else:
                frames.append(Frame(self._header, bytes(piece)))
            self._header, self._body = b"", bytearray()

    def check(self) -> None:
        """Judge what follows the frames that `feed` returned. Raises what `feed` does."""
        if self._fault is not None:
            raise self._fault

    def _keep(self, piece: memoryview) -> None:
        if piece and not self._body:
            self._body = bytearray(self._missing)
        if piece.obj is not self._body:
            start = len(self._body) - self._missing
            self._body[start : start + len(piece)] = piece
        self._missing -= len(piece)

    def _take_header(self, view: memoryview, at: int) -> int:
        """Read on at `at` until the header is whole, or there is no more; return where."""
        start = self._start
        while True:
            header_size = body_size = 0
            if len(start) >= PREFIX.size:
                header_size, body_size = PREFIX.unpack_from(start)
                if header_size > self._limits.header or body_size > self._limits.body:
                    raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"{header_size} + {body_size} bytes")
                if header_size == 0:
                    raise RemoteProtocolError(Code.BAD_FRAME, "empty header")
            more = view[at : at + PREFIX.size + header_size - len(start)]
            start += more
            at += len(more)
            if len(start) < PREFIX.size + header_size:
                return at
            if header_size:
                self._header = bytes(start[PREFIX.size :])
                self._missing = body_size
                start.clear()
                return at

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame that are being held."""
        if not self._header:
            return len(self._start)
        return PREFIX.size + len(self._header) + (len(self._body) - self._missing if self._body else 0)
