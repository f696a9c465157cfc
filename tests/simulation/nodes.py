"""Short histories of a few people at two nodes, whose messages come late, twice or never.

The nodes are the server's own machines; the bus between them is the server's
local one behind weather. A book-keeper outside of both writes down what each
person asked for and was told. After the storm everything is delivered, and
everybody has to find somebody; then all go home, and the nodes have to be empty.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from floater.machine import Tick
from floater.wire.control import EndReason, Role
from server.bus.base import EVERY_NODE, Address, M, node_address
from server.bus.local import LocalBus
from server.core import events
from server.core.node import Node
from server.core.pairing import LEASE
from server.core.seat import SeatState
from server.core.side import Side
from tests.helpers.nodes import a_side, ongoing, state_of, waiting
from tests.simulation.scheduler import RuleBroken

STORM: Final = 6.0
"Seconds in which messages are lost and people change their minds."
CALM: Final = 20.0
"Seconds after which everybody has found somebody: time apart, a no-show, and a few refreshes."
NO_SHOW: Final = 4.0
"Seconds after which a person ends a match in which the other is not."
ABSENCE: Final = 5.0
LOST: Final = (0.0, 0.02, 0.1, 0.3, 0.6)
"Shares of messages that are lost; each history has one."

MOST: Final = 20_000
"Things that may happen in one history before we conclude that time stands still."

MakeNode = Callable[[str], Node]


def a_node(name: str) -> Node:
    """An honest node of several."""
    return Node(name, alone=False, absence_limit=ABSENCE)


class Clock:
    """What will happen, in order."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.happened = 0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: float, action: Callable[..., None], *arguments: Any) -> None:
        """Let something happen then."""
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, action, arguments))

    def run_until(self, end: float) -> None:
        """Let everything happen that is due before `end`."""
        heap = self._heap
        while heap and heap[0][0] <= end:
            when, _, action, arguments = heapq.heappop(heap)
            self.now = max(self.now, when)
            self.happened += 1
            action(*arguments)
            _must(self.happened < MOST, "time stands still", f"at {when}")
        self.now = end


class WeatheredBus:
    """The local bus, with weather before it: every message has a fate of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bus = LocalBus()
        self.lost = clock.random.choice(LOST)
        self.slow = clock.random.choice((0.02, 0.3, 2.0))
        "Seconds that most messages need at most; a few need as long as two leases."
        self.is_calm = False

    def publish(self, address: Address[M], message: M) -> None:
        """Deliver later, twice or never."""
        clock = self._clock
        if self.is_calm:
            clock.at(clock.now + 0.02 * clock.random.random(), self._bus.publish, address, message)
            return
        for _ in range(2 if clock.random.random() < 0.1 else 1):
            if clock.random.random() >= self.lost:
                longest = 2.0 * LEASE if clock.random.random() < 0.05 else self.slow
                clock.at(clock.now + longest * clock.random.random(), self._bus.publish, address, message)

    def subscribe(self, address: Address[M], hear: Callable[[M], None]) -> Callable[[], None]:
        """As the local bus."""
        return self._bus.subscribe(address, hear)


class Site:
    """One node as it runs: the machine, its timer, its place at the bus."""

    def __init__(self, name: str, clock: Clock, bus: WeatheredBus, tell: "Tell", make_node: MakeNode) -> None:
        self.node = make_node(name)
        self._clock = clock
        self._bus = bus
        self._tell = tell
        self._alarm = 1e18
        self._unsubscribe = (
            bus.subscribe(node_address(name), self.feed),
            bus.subscribe(EVERY_NODE, self.feed),
        )
        self.is_down = False

    def feed(self, event: events.Event | Tick) -> None:
        """Give the node an event, and do what it wants."""
        for effect in self.node.feed(event, now=self._clock.now):
            if isinstance(effect, events.Send):
                to = EVERY_NODE if effect.to is None else node_address(effect.to)
                self._bus.publish(to, effect.message)
            else:
                self._tell(effect)
        deadline = self.node.deadline
        if deadline is not None and deadline < self._alarm:
            self._alarm = deadline
            self._clock.at(deadline, self._ring, deadline)

    def _ring(self, alarm: float) -> None:
        if alarm == self._alarm and not self.is_down:
            self._alarm = 1e18
            self.feed(Tick())

    def stop(self) -> None:
        """Die without a word, and forget everything."""
        self.is_down = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()


Tell = Callable[[events.Effect], None]


@dataclass(slots=True)
class Person:
    """What the book says of one person."""

    number: int
    place: int
    "Which of the two nodes."
    side: Side
    is_here: bool = False
    is_seeking: bool = False
    sought_at: float = 0.0
    match_id: str = ""
    "The match that this person was told of, until told or said that it is over."
    peer: int = 0
    matched_at: float = 0.0
    requests: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of one history."""

    pairs: int
    "Matches of which both were told."
    halves: int
    "Matches of which one alone was told."
    happened: int


class History:
    """One seed, one history.

    Args:
        seed: decides everything.
        make_node: another one than the honest, to see whether its faults are noticed.
    """

    def __init__(self, seed: int, make_node: MakeNode = a_node) -> None:
        self._clock = Clock(seed)
        self._bus = WeatheredBus(self._clock)
        self._make_node = make_node
        self._restarts = 0
        self._is_calm = self._is_closing = False
        self._roles: dict[str, dict[int, Role]] = {}
        self._searches = 0
        self._answers: list[events.Effect] = []
        self._sites = [self._start(place) for place in range(2)]
        random = self._clock.random
        self._people = {
            number: Person(number, random.randrange(2), a_side(str(number)))
            for number in range(1, random.randrange(3, 7))
        }

    def live(self) -> Outcome:
        """Let it happen.

        Raises:
            RuleBroken: with the name of the rule.
        """
        clock = self._clock
        for person in self._people.values():
            clock.at(clock.random.random(), self._act, person)
        if clock.random.random() < 0.3:
            clock.at(STORM * clock.random.random(), self._restart)
        clock.run_until(STORM)
        self._is_calm = self._bus.is_calm = True
        clock.run_until(STORM + 2.0 * LEASE)  # what is still on its way arrives
        self._wait_for(self._check_nobody_is_left, CALM)
        self._is_closing = True
        self._wait_for(self._check_nothing_is_kept, 3.0 * ABSENCE)
        both = sum(len(roles) == 2 for roles in self._roles.values())
        return Outcome(both, len(self._roles) - both, clock.happened)

    def _wait_for(self, check: Callable[[], None], seconds: float) -> None:
        """Let time pass until a check holds; raise what it raises if that takes longer."""
        until = self._clock.now + seconds
        while True:
            self._clock.run_until(self._clock.now + 1.0)
            try:
                check()
            except RuleBroken:
                if self._clock.now >= until:
                    raise
            else:
                return

    # -- nodes ----------------------------------------------------------------------------

    def _start(self, place: int) -> Site:
        return Site(f"{place}.{self._restarts}", self._clock, self._bus, self._told, self._make_node)

    def _restart(self) -> None:
        place = self._clock.random.randrange(2)
        self._sites[place].stop()
        self._restarts += 1
        self._sites[place] = self._start(place)
        for person in self._people.values():
            if person.place == place:
                person.is_here = person.is_seeking = False

    # -- people ---------------------------------------------------------------------------

    def _act(self, person: Person) -> None:
        clock = self._clock
        if self._is_closing and not (person.is_seeking or person.match_id):
            return
        pause = 0.5 + 2.0 * clock.random.random() if self._is_calm else 0.05 + 1.5 * clock.random.random()
        clock.at(clock.now + pause, self._act, person)
        if not person.is_here:
            self._arrive(person)
        elif person.match_id:
            self._in_match(person)
        elif self._is_closing:
            self._ask(person, events.CancelSeek(self._request(person)))
        elif not person.is_seeking:
            self._seek(person)
        elif not self._is_calm:
            what = clock.random.random()
            if what < 0.2:
                self._ask(person, events.CancelSeek(self._request(person)))
            elif what < 0.25:
                self._drop(person)

    def _in_match(self, person: Person) -> None:
        what = self._clock.random.random()
        if self._is_closing or (what < 0.3 and not self._is_calm):
            self._end(person, EndReason.HUNG_UP)
        elif what > 0.9 and not self._is_calm:
            self._drop(person)
        elif self._people[person.peer].match_id != person.match_id:
            if self._clock.now - person.matched_at > NO_SHOW:
                self._end(person, EndReason.NO_SHOW)

    def _arrive(self, person: Person) -> None:
        person.is_here = True
        if person.match_id:
            self._feed(
                person, events.Returned(person.number, (person.match_id,), person.side.host, person.match_id)
            )
        else:
            self._feed(person, events.Returned(person.number, (), ""))

    def _drop(self, person: Person) -> None:
        person.is_here = person.is_seeking = False
        self._feed(person, events.Dropped(person.number))

    def _seek(self, person: Person) -> None:
        now, random = self._clock.now, self._clock.random
        self._searches += 1
        wish = events.Seek(
            self._request(person), person.side, random.random(), f"m{self._searches}", time=now
        )
        person.is_seeking, person.sought_at = True, now
        self._ask(person, wish)

    def _end(self, person: Person, reason: EndReason) -> None:
        match_id, person.match_id = person.match_id, ""
        self._ask(person, events.EndMatch(self._request(person), match_id, reason))

    def _request(self, person: Person) -> events.Request:
        person.requests += 1
        return events.Request(person.number, 1, person.requests)

    def _ask(self, person: Person, event: events.Seek | events.CancelSeek | events.EndMatch) -> None:
        self._answers.clear()
        self._feed(person, event)
        granted = self._answers == [events.Agreed(event.request)]
        _must(granted, "a request was not granted", f"{event} {self._answers}")
        if isinstance(event, events.CancelSeek):
            person.is_seeking = False

    def _feed(self, person: Person, event: events.Event) -> None:
        self._sites[person.place].feed(event)

    # -- the book -------------------------------------------------------------------------

    def _told(self, effect: events.Effect) -> None:
        match effect:
            case events.Agreed() | events.Refused():
                self._answers.append(effect)
            case events.Matched(_, user):
                self._matched(self._people[user], effect)
            case events.MatchEnded(user, match_id):
                person = self._people[user]
                if person.is_here and person.match_id == match_id:
                    person.match_id = ""

    def _matched(self, person: Person, news: events.Matched) -> None:
        match_id, peer = news.match_id, int(news.peer.username)
        roles = self._roles.setdefault(match_id, {})
        who = f"{person.number} with {peer} in {match_id}, in {person.match_id!r} before"
        _must(not person.match_id, "somebody was paired twice", who)
        _must(person.is_seeking, "somebody was paired who does not seek", who)
        _must(news.issued >= person.sought_at, "somebody was paired by a proposal of an earlier search", who)
        _must(peer != person.number, "somebody was paired with themselves", who)
        _must(person.number not in roles, "somebody was told of a match twice", who)
        _must(news.role not in roles.values(), "a match has two of one role", who)
        _must(not roles or peer in roles, "a match has three people", who)
        roles[person.number] = news.role
        person.is_seeking, person.match_id = False, match_id
        person.peer, person.matched_at = peer, self._clock.now

    def _check_nobody_is_left(self) -> None:
        people = self._people.values()
        states = {person.number: state_of(self._sites[person.place].node, person.number) for person in people}
        _must(SeatState.RESERVED not in states.values(), "somebody is reserved for ever", f"{states}")
        left = [person.number for person in people if person.is_seeking]
        _must(len(left) == len(people) % 2, "somebody waits for ever", f"{left} of {states}")
        for person in people:
            together = not person.match_id or self._people[person.peer].match_id == person.match_id
            _must(together, "somebody is in a match alone", f"{person}")

    def _check_nothing_is_kept(self) -> None:
        for site in self._sites:
            node, pairing = site.node, site.node._strangers._pairing
            kept = (
                waiting(node),
                ongoing(node),
                len(node._sides),
                len(pairing._attempts),
                len(pairing._reserved),
            )
            _must(not any(kept), "a node still holds somebody", f"{kept}")
            _must(node.deadline is None, "a node still waits for something", f"{node.deadline}")


def _must(holds: bool, rule: str, detail: str) -> None:
    if not holds:
        raise RuleBroken(rule, detail)


def live(seed: int, make_node: MakeNode = a_node) -> Outcome:
    """Live one history; a broken rule says how to see it again."""
    try:
        return History(seed, make_node).live()
    except Exception as error:
        error.add_note(f"to see it again: python -m tests.simulation nodes --seed {seed} --histories 1")
        raise
