"""Two talks in memory, joined by links that can be slow, cut and switched at any moment.

Everything that passes between them goes through the real codec. Time is simulated: `run` plays until nothing
is left to do, or until a moment. The files of both sides live in memory.
"""

import heapq
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import (
    Alive,
    Arrived,
    LinkDown,
    LinkUp,
    PauseReading,
    ResumeReading,
    Suspect,
    Transmit,
    Writable,
)
from floater.core.talk.orders import Greeted, Over
from floater.core.talk.talk import Event, Talk, TalkConfig
from floater.core.talk.transfer import (
    BlockRead,
    BlockWritten,
    CloseFile,
    CreateFile,
    DiscardFile,
    FileCreated,
    FileOrder,
    FileStored,
    FinishFile,
    OfferFile,
    ReadBlock,
    WriteBlock,
    WriteFailed,
)
from floater.machine import Tick
from floater.store.hashing import new_hash
from floater.wire.codec import encode
from floater.wire.control import Role
from floater.wire.digest import Digest
from floater.wire.frame import PEER_LEG, FrameReader
from floater.wire.message_id import make_message_id
from floater.wire.talk import TALK_MESSAGES, Part

EventType = TypeVar("EventType", bound=api.Event)

LEADER: Final = "1" * 16
"The leader's author name."
FOLLOWER: Final = "f" * 16


def of_leader(number: int) -> str:
    """The id of that message of the leader's."""
    return make_message_id(LEADER, number)


def of_follower(number: int) -> str:
    """The id of that message of the follower's."""
    return make_message_id(FOLLOWER, number)


class Clock:
    """Simulated time and what is to happen in it."""

    def __init__(self) -> None:
        self.now = 100.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Have something happen, in order of time and then of asking."""
        heapq.heappush(self._due, (max(when, self.now), next(self._order), do))

    def step(self, until: float) -> bool:
        """Let the next thing happen, unless it lies beyond `until`."""
        if not self._due or self._due[0][0] > until:
            return False
        self.now, _, do = heapq.heappop(self._due)
        do()
        return True


class Disk:
    """Files in memory, with the manners of `floater.store.files`."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.room = room
        self.delay = 0.0005
        self.sources: dict[int, bytes] = {}
        self.parts: dict[str, bytearray] = {}
        self.stored: dict[str, bytes] = {}
        self._algorithms: dict[str, Digest] = {}

    def perform(self, order: FileOrder) -> list[Event]:
        """Carry an order out at once."""
        match order:
            case ReadBlock(file, first, size, algorithm):
                data = self.sources[file]
                whole = first + size == len(data)
                digest = _digest(algorithm, data) if whole else b""
                return [BlockRead(file, first, data[first : first + size], digest)]
            case CloseFile(file):
                del self.sources[file]
            case CreateFile(transfer, _, _, size, algorithm):
                if size > self.room:
                    return [WriteFailed(transfer, Code.DISK_FULL)]
                self._algorithms[transfer] = algorithm
                self.parts[transfer] = bytearray()
                return [FileCreated(transfer)]
            case WriteBlock(transfer, data):
                if transfer in self.parts:
                    self.parts[transfer] += data
                    return [BlockWritten(transfer, len(self.parts[transfer]))]
            case FinishFile(transfer, digest):
                if transfer in self.parts:
                    data = bytes(self.parts.pop(transfer))
                    if _digest(self._algorithms[transfer], data) != digest:
                        return [WriteFailed(transfer, Code.FILE_DAMAGED)]
                    self.stored[transfer] = data
                    return [FileStored(transfer, f"/{transfer}")]
            case DiscardFile(transfer):
                self.parts.pop(transfer, None)
        return []


def _digest(algorithm: Digest, data: bytes) -> bytes:
    made = new_hash(algorithm)
    made.update(data)
    return made.digest()


class Side:
    """One of the two: its talk, what the person was told, and its disk."""

    def __init__(self, clock: Clock, role: Role, config: TalkConfig | None) -> None:
        self.clock = clock
        self.role = role
        names = (LEADER, FOLLOWER) if role is Role.LEADER else (FOLLOWER, LEADER)
        self.talk = Talk(*names, config)
        self.disk = Disk()
        self.events: list[api.Event] = []
        self.suspects: list[int] = []
        self.over: list[Over] = []
        self.greeted = 0
        self.transmit: Callable[[Transmit], None] = lambda effect: None
        self._files = count(1)
        self._timer = 0

    def feed(self, event: Event) -> None:
        """Feed the talk, and carry out what it wants."""
        for effect in self.talk.feed(event, now=self.clock.now):
            match effect:
                case Transmit():
                    self.transmit(effect)
                case Emit(told):
                    self.events.append(told)
                case Suspect(link):
                    self.suspects.append(link)
                case PauseReading() | ResumeReading():
                    pass  # these links do not pause; what is obeyed is the same
                case Alive():
                    pass  # for the machine that shook the link; there is none here
                case Over():
                    self.over.append(effect)
                case Greeted():
                    self.greeted += 1
                case _:
                    self._later(effect)
        self._wind_up()

    def _later(self, order: FileOrder) -> None:
        for report in self.disk.perform(order):
            self.clock.at(self.clock.now + self.disk.delay, partial(self.feed, report))

    def _wind_up(self) -> None:
        """Ring at the deadline that the machine has now; earlier alarms find that they are out of date."""
        deadline = self.talk.deadline
        if deadline is None:
            return
        self._timer += 1
        timer = self._timer

        def ring() -> None:
            if timer == self._timer:
                self.feed(Tick())

        self.clock.at(deadline, ring)

    def offer(self, data: bytes, name: str = "a.bin", content_type: str = "application/octet-stream") -> str:
        """Offer a file with these bytes; returns the transfer id."""
        file = next(self._files)
        self.disk.sources[file] = data
        self.feed(OfferFile(file, name, content_type, len(data)))
        return self.talk.last_id

    def told(self, kind: type[EventType]) -> list[EventType]:
        """All events of a kind that the person was told."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def texts(self) -> list[str]:
        """Everything the peer has said."""
        return [event.text for event in self.told(api.TextReceived)]


class Link:
    """One stream: in order, in both directions, with a delay, a pace and buffers, until it is cut."""

    def __init__(
        self, clock: Clock, number: int, sides: tuple[Side, Side], latency: float, pace: float, buffer: int
    ) -> None:
        self.clock, self.number, self.sides = clock, number, sides
        self.latency, self.pace, self.buffer = latency, pace, buffer
        self.alive = True
        self.silent = False
        self._free = {Role.LEADER: 0.0, Role.FOLLOWER: 0.0}
        self.log: list[tuple[Role, str, int]] = []

    def send(self, side: Side, effect: Transmit) -> None:
        """Carry a message to the other side; through the codec, as in life."""
        if not self.alive:
            return
        data = encode(effect.message, effect.body)
        role = side.role
        began = max(self.clock.now, self._free[role])
        self._free[role] = done = began + len(data) / self.pace
        self.log.append((role, type(effect.message).__name__, len(effect.body)))
        other = self.sides[1] if side is self.sides[0] else self.sides[0]
        if not self.silent:
            self.clock.at(done + self.latency, lambda: self._arrive(other, data))
        if effect.bulk:
            self.clock.at(done - self.buffer / self.pace, lambda: self._drained(side))

    def _arrive(self, side: Side, data: bytes) -> None:
        if self.alive:
            (frame,) = FrameReader(PEER_LEG).feed(data)
            side.feed(Arrived(self.number, TALK_MESSAGES.decode(frame), frame.body))

    def _drained(self, side: Side) -> None:
        if self.alive:
            side.feed(Writable(self.number))


class Pair:
    """A leader and a follower who have met.

    Args:
        latency: seconds one way.
        pace: bytes a second.
        buffer: bytes that a link takes before they are on their way.
        greeted: whether both have greeted.
        config: of both.
    """

    def __init__(
        self,
        *,
        latency: float = 0.01,
        pace: float = 100e6,
        buffer: int = 0,
        greeted: bool = True,
        config: TalkConfig | None = None,
    ) -> None:
        self.clock = Clock()
        self.latency, self.pace, self.buffer = latency, pace, buffer
        self.leader = Side(self.clock, Role.LEADER, config)
        self.follower = Side(self.clock, Role.FOLLOWER, config)
        self.sides = self.leader, self.follower
        self.links: dict[int, Link] = {}
        for side in self.sides:
            side.transmit = partial(self._transmit, side)
        self.switch()
        if greeted:
            self.leader.feed(api.Greet("zh"))
            self.follower.feed(api.Greet("en"))
            self.run(1.0)
            for side in self.sides:
                assert side.greeted == 1
                side.events.clear()

    def switch(self, *, lag: float = 0.0, stale: tuple[int, int] | None = None) -> Link:
        """Begin a new link: the leader uses it now, the follower `lag` seconds later.

        `stale` are the `received` of the leader and the follower when they
        said hello on it, if that was some time ago.
        """
        number = len(self.links) + 1
        link = Link(self.clock, number, self.sides, self.latency, self.pace, self.buffer)
        self.links[link.number] = link
        leader, follower = stale or (self.leader.talk.received, self.follower.talk.received)
        self.leader.feed(LinkUp(link.number, follower))
        begin = self.clock.now + lag + self.latency
        # Nothing the leader says on the link comes before the choice of it.
        link._free[Role.LEADER] = max(link._free[Role.LEADER], begin - self.latency)
        self.clock.at(begin, partial(self._begin, link, leader))
        return link

    def _begin(self, link: Link, received: int) -> None:
        if link.alive:
            self.follower.feed(LinkUp(link.number, received))

    def _transmit(self, side: Side, effect: Transmit) -> None:
        self.links[effect.link].send(side, effect)

    @property
    def link(self) -> Link:
        """The newest link."""
        return self.links[len(self.links)]

    def cut(self) -> None:
        """End all links: what is on the way is lost, and both sides see it."""
        for number, link in self.links.items():
            if link.alive:
                link.alive = False
                for side in self.sides:
                    side.feed(LinkDown(number))

    def run(self, seconds: float = 60.0, until: Callable[[], Any] | None = None) -> None:
        """Play for so long, or until a condition holds."""
        end = self.clock.now + seconds
        while not (until is not None and until()) and self.clock.step(end):
            pass
        if until is None:
            self.clock.now = end
        else:
            assert until(), "it never came"

    def parts(self) -> list[int]:
        """The sizes of all parts that went over the newest link."""
        return [size for _, name, size in self.link.log if name == Part.__name__]
