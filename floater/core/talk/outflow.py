"""The bytes of one file on their way out: read ahead, and cut into parts (spec §7.6)."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from floater.codes import Code
from floater.core.talk.inflow import MAX_WINDOW
from floater.core.talk.transfer import BLOCK, BlockRead, ReadBlock
from floater.errors import RemoteProtocolError
from floater.wire.digest import Digest
from floater.wire.limits import MAX_PART

READ_AHEAD: Final = 3 * BLOCK
"Bytes of one file that are read before they are sent."
REREAD: Final = 2 * READ_AHEAD
"Bytes of one file that may be read again for a receiver that goes back on its first link."
RESUMED: Final = MAX_WINDOW + READ_AHEAD + BLOCK
"Bytes that may be read again on each later link: what the largest window had on the way on the lost one."
RETURN_COST: Final = 65_536
"Bytes of the allowance that a receiver's going back costs at least, even if nothing is read for it."
PART_TIME: Final = 0.01
"Seconds that one part should take at the receiver's pace."
MIN_PART: Final = 8_192
FIRST_PART: Final = 16_384
"Before the receiver's pace on a link is known."


@dataclass(slots=True)
class Outflow:
    """The bytes of one file of ours. Places count from its start; `granted` is exclusive."""

    file: int
    size: int
    place: int = 0
    "The next byte to send."
    granted: int = 0
    "Where the receiver's wish ends."
    furthest: int = 0
    "The end of what was ever sent."
    ordered: int = 0
    "The end of what the store was told to read."
    read: int = 0
    "The end of what was ever ordered."
    spare: int = REREAD
    "Bytes that may still be read again on the link in use."
    out: int = 0
    "Blocks that the store was told to read and has not delivered."
    useless: int = 0
    "How many of these were ordered before the receiver went back; until they have come, nothing is ordered."
    blocks: deque[memoryview] = field(default_factory=deque)
    "What is read and not sent, from `place` on; `skip` bytes of the first are already sent."
    skip: int = 0
    algorithm: Digest = Digest.SHA256
    "The digest that the receiver has asked for."
    digest: bytes = b""
    "Of the whole file, once its last bytes are read."
    part: int = FIRST_PART
    pace_from: tuple[float, int] | None = None
    "When, and up to where, the receiver last extended its wish."

    @property
    def is_ready(self) -> bool:
        """Whether a part may be cut."""
        return bool(self.blocks) and self.place < self.granted

    @property
    def is_whole(self) -> bool:
        """Whether the last byte has been cut."""
        return self.place == self.size

    def wish(self, first: int, last: int, *, now: float) -> list[ReadBlock]:
        """Take the receiver's wish for these bytes, both included, and order what is to be read for it.

        Raises:
            RemoteProtocolError: UNEXPECTED; the file has no such bytes, or
                those before them were never sent, or the receiver has gone
                back too often.
        """
        if not first <= last < self.size:
            raise RemoteProtocolError(Code.UNEXPECTED, "asks for what it cannot have")
        if first != self.granted:
            if first > self.furthest:
                raise RemoteProtocolError(Code.UNEXPECTED, "leaves bytes out")
            self._go_to(first)
        self._take_pace(last + 1, now)
        self.granted = last + 1
        return self.order()

    def start_anew(self) -> None:
        """Forget the receiver's wish and its pace: the link has changed, and it wishes anew."""
        self.granted = self.place
        self.spare = RESUMED
        self.part, self.pace_from = FIRST_PART, None

    def order(self) -> list[ReadBlock]:
        """Order blocks to be read, as far ahead as READ_AHEAD allows, wished for already or not.

        After the receiver has gone back nothing is ordered until the store has delivered what was ordered
        before, so no receiver can make us read one place twice at a time.

        Raises:
            RemoteProtocolError: UNEXPECTED; the receiver has made us read too much again.
        """
        if self.useless:
            return []
        orders: list[ReadBlock] = []
        until = min(self.size, self.place + READ_AHEAD - BLOCK + 1)
        while self.ordered < until:
            size = min(BLOCK, self.size - self.ordered)
            self._spend(max(0, min(self.ordered + size, self.read) - self.ordered))
            orders.append(ReadBlock(self.file, self.ordered, size, self.algorithm))
            self.out += 1
            self.ordered += size
        self.read = max(self.read, self.ordered)
        return orders

    def take(self, block: BlockRead) -> bool:
        """Take what was read; False if it is of no use, because it was ordered before we went back."""
        self.out = max(0, self.out - 1)
        if self.useless:
            self.useless -= 1
            return False
        self.digest = block.digest or self.digest
        if block.data:
            self.blocks.append(memoryview(block.data))
        return True

    def cut(self) -> tuple[int, memoryview]:
        """Cut the next part: the place of its first byte, and its bytes. Only while `is_ready`."""
        first, block = self.place, self.blocks[0]
        size = min(self.part, len(block) - self.skip, self.granted - first)
        body = block[self.skip : self.skip + size]
        self.skip += size
        self.place += size
        self.furthest = max(self.furthest, self.place)
        if self.skip == len(block):
            self.blocks.popleft()
            self.skip = 0
        return first, body

    def _go_to(self, first: int) -> None:
        """Go on from `first`; what is read begins elsewhere."""
        self._spend(RETURN_COST)
        self.place = self.ordered = first
        self.useless = self.out
        self.blocks.clear()
        self.skip = 0
        self.pace_from = None

    def _spend(self, size: int) -> None:
        self.spare -= size
        if self.spare < 0:
            raise RemoteProtocolError(Code.UNEXPECTED, "makes us read too much again")

    def _take_pace(self, granted: int, now: float) -> None:
        """Learn from its wishes how fast the receiver gets our bytes, whatever buffers lie between."""
        if self.pace_from is not None:
            since, was = self.pace_from
            if now - since < PART_TIME and granted - was < 4 * MAX_PART:
                return  # too short to tell
            fits = int((granted - was) / max(now - since, 1e-6) * PART_TIME)
            self.part = max(MIN_PART, min(MAX_PART, fits))
        self.pace_from = now, granted
