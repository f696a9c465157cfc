"""Decide about a punch port: whom to ask about it, when enough is known, what peers are told (spec §5.1).

::

    Bound ──▶ WantMapping
    Ask ──▶ Open, Open, … ──▶ Connected, Answered, … ──▶ Hold a stream for each lane and family, Close others
                                        └─▶ Known: the port may be told of; late answers add to `facts`
                                        └─▶ Settled: nothing more will be learnt about our NAT
    a held stream ──every REFRESH──▶ AskAgain ──▶ Answered as before, or Stale

All waits have their limits here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeAlias

from floater.core.meet.observe import Asker, Observation, Question, questions_for
from floater.core.meet.port_facts import Network, PortFacts
from floater.core.meet.port_mapping import MappingState
from floater.errors import LocalProtocolError
from floater.machine import Tick, earliest
from floater.wire.endpoint import Endpoint, Scope
from floater.wire.nat import Stray
from floater.wire.stun import Probe

AT_LEAST: Final = 0.1
"Seconds that observers have to be reached in, however soon others answer."
PATIENCE: Final = 2.0
"Seconds for the whole exchange with an observer, and again for what becomes of the strangers' SYNs."
REFRESH: Final = 60.0
"Seconds between two questions on a stream that is held open; NATs forget what is silent."
ANSWER_TIMEOUT: Final = 10.0
"Seconds for the answer to such a question."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """The port is ours."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Find out what the port looks like from outside."""

    observers: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream of a question is open; its answer is to come."""

    question: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The observer of a question has answered, the first time or again. None: the stream has ended."""

    question: int
    seen: Observation | None


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of the strangers' SYNs, as far as it is known."""

    fates: Mapping[Probe, Stray]


@dataclass(frozen=True, slots=True)
class Followed:
    """Nothing more will be heard on a stream of `Follow`."""

    question: int


@dataclass(frozen=True, slots=True)
class Routed:
    """What our router says, by IPv4 and by IPv6."""

    router: MappingState
    firewall: MappingState


@dataclass(frozen=True, slots=True)
class Placed:
    """This computer has these addresses and routers now."""

    network: Network


@dataclass(frozen=True, slots=True)
class Introduced:
    """The peer is being told what is known now."""


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Ask an observer. Feed `Connected`, then `Answered`. The streams are dialled in the order of these."""

    question: int
    asker: Asker
    observer: Endpoint


@dataclass(frozen=True, slots=True)
class WantMapping:
    """Ask our router to let others in, by IPv4 to a mapped port, by IPv6 through its firewall."""

    by_ipv6: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep a stream open, so that the NAT keeps the mapping. Feed `Answered` with None if it ends."""

    question: int


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Ask once more on a stream that is held, and feed `Answered`."""

    question: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Wait for what becomes of the strangers' SYNs; feed `Probed`, and `Followed` at the end."""

    question: int


@dataclass(frozen=True, slots=True)
class Close:
    """Hang up, and report nothing more."""

    question: int


@dataclass(frozen=True, slots=True)
class Known:
    """Enough is known to tell others of the port."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing more will be learnt about our NAT. Comes once."""


@dataclass(frozen=True, slots=True)
class Stale:
    """What the outside sees may have changed: another port should be prepared. Comes once."""


Event: TypeAlias = (
    Bound | Ask | Connected | Answered | Probed | Followed | Routed | Placed | Introduced | Tick
)
Effect: TypeAlias = Open | WantMapping | Hold | AskAgain | Follow | Close | Known | Settled | Stale


class _Stage(Enum):
    """How much is known of the port."""

    BOUND = "bound"
    ASKING = "asking"
    KNOWN = "known"
    SETTLED = "settled"


class _State(Enum):
    """What is done with a stream."""

    ASKED = "asked"
    HELD = "held"
    ASKED_AGAIN = "asked again"
    FOLLOWED = "followed"
    CLOSED = "closed"


@dataclass(slots=True)
class _Stream:
    """The stream of one question."""

    question: Question
    due: float | None
    "Monotonic seconds at which what it waits for is late, or at which to ask again."
    state: _State = _State.ASKED
    is_connected: bool = False
    seen: Observation | None = None

    @property
    def is_ipv6(self) -> bool:
        """Whether it leads to the observer by IPv6."""
        return _is_ipv6(self.question.observer)


class Port:
    """One punch port, from the moment it is bound.

    Args:
        facts: what is known at once.
        by_ipv6: whether it is bound in IPv6, too.
        listens: whether a program may listen on a fresh port without the person being asked about it.
        patience: seconds for the whole exchange with an observer.
    """

    def __init__(self, facts: PortFacts, *, by_ipv6: bool, listens: bool, patience: float = PATIENCE) -> None:
        self.facts = facts
        self.is_stale = False
        self._by_ipv6 = by_ipv6
        self._listens = listens
        self._patience = patience
        self._stage = _Stage.BOUND
        self._soonest: float | None = None
        "When enough may be known; None before the question, and once that time has come."
        self._streams: list[_Stream] = []
        "By the numbers of their questions."

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        return earliest(self._soonest, *(stream.due for stream in self._streams))

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done.

        Raises:
            LocalProtocolError: `Ask` twice.
        """
        return [*self._take(event, now), *self._look()]

    def _take(self, event: Event, now: float) -> list[Effect]:
        match event:
            case Bound():
                return self._want(by_ipv6=False)
            case Ask(observers):
                return self._ask(observers, now)
            case Connected(number) | Answered(number) | Followed(number) if (
                self._streams[number].state is _State.CLOSED
            ):
                pass  # it was under way when the stream was closed
            case Connected(number):
                self._streams[number].is_connected = True
            case Answered(number, seen):
                return self._answered(number, seen, now)
            case Followed(number):
                return self._close(number)
            case Probed(fates):
                self.facts = replace(self.facts, fates=dict(fates))
            case Routed(router, firewall):
                self.facts = replace(self.facts, router=router, firewall=firewall)
            case Placed(network):
                self.facts = replace(self.facts, network=network)
            case Introduced():
                self.facts = self.facts.introduced()
            case _:  # a Tick
                return self._tick(now)
        return []

    def _want(self, *, by_ipv6: bool) -> list[Effect]:
        """Ask the router, unless the server is in our own network: its clients do not come through it."""
        return [WantMapping(by_ipv6)] if self.facts.server is Scope.PUBLIC else []

    def _ask(self, observers: Sequence[Endpoint], now: float) -> list[Effect]:
        if self._stage is not _Stage.BOUND:
            raise LocalProtocolError("asked twice")
        questions = [
            question
            if self._listens or question.asker is not Asker.PROBED
            else Question(Asker.FRESH, question.observer)
            for question in questions_for(observers)
            if self._by_ipv6 or not _is_ipv6(question.observer)
        ]
        self._stage, self._soonest = _Stage.ASKING, now + AT_LEAST
        self._streams = [_Stream(question, now + self._patience) for question in questions]
        asked = sum(question.asker is Asker.PUNCH_PORT for question in questions)
        self.facts = replace(self.facts, asked=asked)
        effects: list[Effect] = [
            Open(number, question.asker, question.observer) for number, question in enumerate(questions)
        ]
        has_ipv6 = any(stream.is_ipv6 for stream in self._streams)
        return [*effects, *self._want(by_ipv6=True)] if has_ipv6 else effects

    def _look(self) -> list[Effect]:
        """Say once when some have answered, and all that were reached by then; and once when all is over."""
        effects: list[Effect] = []
        asked = [stream for stream in self._streams if stream.state is _State.ASKED]
        if self._stage is _Stage.ASKING:
            is_seen = any(stream.seen is not None for stream in self._streams)
            is_awaited = any(stream.is_connected for stream in asked)
            if not asked or (self._soonest is None and is_seen and not is_awaited):
                self._stage, self._soonest = _Stage.KNOWN, None
                effects.append(Known())
        is_followed = any(stream.state is _State.FOLLOWED for stream in self._streams)
        if self._stage is _Stage.KNOWN and not asked and not is_followed:
            self._stage = _Stage.SETTLED
            effects.append(Settled())
        return effects

    # -- one stream -----------------------------------------------------------------------

    def _answered(self, number: int, seen: Observation | None, now: float) -> list[Effect]:
        stream = self._streams[number]
        if seen is None:
            return self._close(number)
        before, stream.seen = stream.seen, seen
        self.facts = replace(
            self.facts, seen=tuple(one.seen for one in self._streams if one.seen is not None)
        )
        if stream.state is _State.ASKED:
            return self._settle(number, now)
        stream.state, stream.due = _State.HELD, now + REFRESH
        return [] if seen == before else self._spoil()

    def _settle(self, number: int, now: float) -> list[Effect]:
        """Say what is done with a stream after its first answer."""
        stream = self._streams[number]
        if stream.question.asker is Asker.PROBED:
            stream.state, stream.due = _State.FOLLOWED, now + self._patience
            return [Follow(number)]
        if stream.question.asker is Asker.FRESH or self._is_held(stream):
            return self._close(number)
        stream.state, stream.due = _State.HELD, now + REFRESH
        return [Hold(number)]

    def _is_held(self, stream: _Stream) -> bool:
        """Say whether another stream of the same lane and address family is held."""
        return any(
            other.question.asker is stream.question.asker
            and other.is_ipv6 is stream.is_ipv6
            and other.state in (_State.HELD, _State.ASKED_AGAIN)
            for other in self._streams
        )

    def _close(self, number: int) -> list[Effect]:
        stream = self._streams[number]
        was_held = stream.state in (_State.HELD, _State.ASKED_AGAIN)
        stream.state, stream.due = _State.CLOSED, None
        return [Close(number), *(self._spoil() if was_held else [])]

    def _spoil(self) -> list[Effect]:
        if self.is_stale:
            return []
        self.is_stale = True
        return [Stale()]

    def _tick(self, now: float) -> list[Effect]:
        if self._soonest is not None and now >= self._soonest:
            self._soonest = None
        effects: list[Effect] = []
        for number, stream in enumerate(self._streams):
            if stream.due is None or now < stream.due:
                continue
            if stream.state is _State.HELD:
                stream.state, stream.due = _State.ASKED_AGAIN, now + ANSWER_TIMEOUT
                effects.append(AskAgain(number))
            else:
                effects += self._close(number)
        return effects


def _is_ipv6(place: Endpoint) -> bool:
    return ":" in place.host
