"""What must be true of every history, kept by a book-keeper who trusts nobody.

The book is written from what is asked of the node and what comes out of it,
and from what each client tells its person; it shares no code with either.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from floater import api
from server.core import events
from server.core.node import Node
from tests.helpers.nodes import waiting
from tests.simulation.scheduler import RuleBroken

APART = 10.0
"Seconds for which the two of a match that fell through do not meet (spec §4.4)."
ABSENCE = 600.0
FELL_THROUGH = {"cancelled", "no_show", "left"}


class Clock(Protocol):
    """Whatever knows the time."""

    @property
    def now(self) -> float:
        """Monotonic seconds."""


class MatchLedger:
    """Who waits, who is with whom, and who was told, as seen from outside of one node."""

    def __init__(self, clock: Clock, machine: Node | None, seen: set[str]) -> None:
        self._clock = clock
        self._node = machine
        self._seen = seen
        self.pairings = 0
        self.waiting: set[int] = set()
        self.match: dict[int, str] = {}
        self.people: dict[str, set[int]] = {}
        self._away: dict[int, float] = {}
        self._apart: dict[frozenset[int], float] = {}

    def check(self, event: events.Event | object, effects: list[events.Effect]) -> None:
        """Follow one event and all that came of it, and compare."""
        now = self._clock.now
        refused = any(isinstance(effect, events.Refused) for effect in effects)
        due: dict[int, str] = {}
        match event:
            case events.Left(user):
                due = self._leave(user, now)
            case events.Returned():
                due = self._return(event, effects, now)
            case events.Dropped(user):
                self.waiting.discard(user)
                if user in self.match:
                    self._away.setdefault(user, now + ABSENCE)
            case events.Seek(request):
                if not refused:
                    user = request.account
                    self._must(user not in self.match, "a person in a talk sought", f"{user}")
                    self.waiting.add(user)
            case events.CancelSeek(request):
                user = request.account
                if not refused:
                    self._must(user in self.waiting, "a cancel of nothing was granted", f"{user}")
                    self.waiting.discard(user)
                else:
                    self._must(user not in self.waiting, "a cancel was refused", f"{user}")
            case events.EndMatch(request, match_id, reason):
                if self.match.get(request.account) == match_id and not refused:
                    due = self._end(match_id, request.account, reason.value, now)
            case _:
                for user in [user for user, until in self._away.items() if until <= now][:1]:
                    self._away.pop(user, None)
                    if user in self.match:
                        due |= self._end(self.match[user], user, "lost", now)
        told: dict[str, list[int]] = defaultdict(list)
        for effect in effects:
            match effect:
                case events.Matched(match_id, user):
                    told[match_id].append(user)
                case events.MatchEnded(user, match_id):
                    if due.pop(user, None) is None and not isinstance(event, events.Returned):
                        raise RuleBroken("somebody was told of an end that was none", f"{user} {match_id}")
        for match_id, both in told.items():
            self._matched(match_id, both, now)
        self._must(not due, "the other side of an ended talk was not told", f"{due}")
        self._nobody_left_waiting(now)
        if self._node is not None:
            self._compare(self._node)

    def _return(self, event: events.Returned, effects: list[events.Effect], now: float) -> dict[int, str]:
        user = event.user
        self._away.pop(user, None)
        match_id = event.match_ids[0] if event.match_ids else ""
        if match_id and self.match.get(user) == match_id:
            return {}
        due = self._leave(user, now)
        ended = any(isinstance(e, events.MatchEnded) and e.user == user for e in effects)
        if match_id and match_id == event.stranger and not ended:
            self.match[user] = match_id
            self.people.setdefault(match_id, set()).add(user)
        return due

    def _compare(self, machine: Node) -> None:
        """Look into the node: it has to believe what the book says."""
        self._must(waiting(machine) == len(self.waiting), "the pool and the book differ", f"{self.waiting}")
        for user in (*self.waiting, *self.match):
            match_id = self.match.get(user, "")
            self._must(machine.match_of(user) == match_id, "a seat and the book differ", f"{user} {match_id}")

    def _matched(self, match_id: str, both: list[int], now: float) -> None:
        self.pairings += 1
        self._must(match_id not in self._seen, "a match was made twice", match_id)
        self._seen.add(match_id)
        self._must(len(both) == 2, "one side of a match was not told", match_id)
        self._must(len(set(both)) == 2, "somebody was paired with themselves", match_id)
        for user in both:
            self._must(user not in self.match, "somebody was paired twice", f"{user} {match_id}")
            self._must(user in self.waiting, "somebody was paired who did not seek", f"{user} {match_id}")
            self.waiting.discard(user)
            self.match[user] = match_id
        self._must(now >= self._apart.get(frozenset(both), 0.0), "two met again too soon", match_id)
        self.people[match_id] = set(both)

    def _leave(self, user: int, now: float) -> dict[int, str]:
        self.waiting.discard(user)
        self._away.pop(user, None)
        return self._end(self.match[user], user, "left", now) if user in self.match else {}

    def _end(self, match_id: str, by: int, reason: str, now: float) -> dict[int, str]:
        """Strike a match out, and say who has to be told."""
        others = self.people.pop(match_id) - {by}
        del self.match[by]
        for other in others:
            del self.match[other]
            self._away.pop(other, None)
            if reason in FELL_THROUGH:
                self._apart[frozenset((by, other))] = now + APART
        return dict.fromkeys(others, match_id)

    def _nobody_left_waiting(self, now: float) -> None:
        everyone = sorted(self.waiting)
        for place, one in enumerate(everyone):
            for other in everyone[place + 1 :]:
                apart = self._apart.get(frozenset((one, other)), 0.0)
                # At the very instant when their time apart ends, the node's own deadline may still be due.
                self._must(
                    now <= apart, "somebody waits while another who may meet them waits", f"{one} {other}"
                )

    def _must(self, holds: bool, rule: str, detail: str) -> None:
        if not holds:
            raise RuleBroken(rule, detail)


@dataclass
class _Side:
    """What one side of one talk said and heard."""

    greeted: bool = False
    said: list[tuple[str, str]] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    undelivered: set[str] = field(default_factory=set)
    met: bool = False
    ended: int = 0
    died: bool = False


MOVES = {
    ("signed_out", "home"), ("home", "seeking"), ("seeking", "home"), ("seeking", "connecting"),
    ("connecting", "greeting"), ("connecting", "seeking"), ("connecting", "home"), ("greeting", "talking"),
    ("greeting", "home"), ("talking", "home"),
}  # fmt: skip


class TalkLedger:
    """What was said and heard in every talk, and how every person moved."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, _Side]] = defaultdict(lambda: defaultdict(_Side))
        "By match, then by client."
        self.talks = 0
        self.texts = 0

    def moved(self, client: str, before: str, after: str) -> None:
        """A client has told its person of a new state."""
        if after != "signed_out" and (before, after) not in MOVES:
            raise RuleBroken("an impossible move", f"{client}: {before} to {after}")

    def told(self, client: str, event: api.TalkEvent) -> None:
        """A client tells its person something of a talk."""
        match_id = event.talk
        side = self.sides[match_id][client]
        match event:
            case api.TalkChanged(standing=api.Standing.GREETING):
                self.talks += not side.met
                side.met = True
            case api.Greeted():
                side.greeted = True
            case api.Said(message_id, text):
                self._gate(match_id, client)
                side.said.append((message_id, text))
            case api.TextReceived(message_id, text):
                self._gate(match_id, client)
                side.heard.append((message_id, text))
                self.texts += 1
                said = self._other(match_id, client).said
                at = len(side.heard) - 1
                if at >= len(said) or said[at] != side.heard[at]:
                    raise RuleBroken(
                        "a text was lost, doubled or changed", f"{match_id} {client} {message_id}"
                    )
            case api.Delivered(message_id):
                heard = {id_ for id_, _ in self._other(match_id, client).heard}
                if message_id not in heard or message_id in side.delivered:
                    raise RuleBroken("a text counts as delivered that is not", f"{match_id} {message_id}")
                side.delivered.add(message_id)
            case api.Undelivered(message_id):
                side.undelivered.add(message_id)
            case api.TalkEnded():
                side.ended += 1
                if side.ended > 1:
                    raise RuleBroken("a talk ended twice", f"{match_id} {client}")

    def died(self, match_id: str, client: str) -> None:
        """A client is gone without a word; nothing is expected of it any more."""
        self.sides[match_id][client].died = True

    def check_stays(self, match_id: str, one: str, other: str) -> None:
        """Two still talk, and all was quiet: everything said was heard and confirmed, once, in order."""
        for speaker, listener in ((one, other), (other, one)):
            said, heard = self.sides[match_id][speaker].said, self.sides[match_id][listener].heard
            if said != heard:
                raise RuleBroken("a text was lost between two who stayed", f"{match_id} from {speaker}")
            if {id_ for id_, _ in said} != self.sides[match_id][speaker].delivered:
                raise RuleBroken("a text was never confirmed", f"{match_id} from {speaker}")

    def check_end(self) -> None:
        """Every talk is over: both sides know, and every text has an outcome."""
        for match_id, sides in self.sides.items():
            for client, side in sides.items():
                if side.died:
                    continue
                if side.met and side.ended != 1:
                    raise RuleBroken("somebody was not told that the talk ended", f"{match_id} {client}")
                open_ = {id_ for id_, _ in side.said} - side.delivered - side.undelivered
                if open_:
                    raise RuleBroken("a text has no outcome", f"{match_id} {client} {sorted(open_)}")

    def _other(self, match_id: str, client: str) -> _Side:
        others = [side for name, side in self.sides[match_id].items() if name != client and (side.met)]
        return others[0] if others else _Side()

    def _gate(self, match_id: str, client: str) -> None:
        both = [side.greeted for side in self.sides[match_id].values()]
        if not (self.sides[match_id][client].greeted and sum(both) >= 2):
            raise RuleBroken("something was said before both had greeted", f"{match_id} {client}")
