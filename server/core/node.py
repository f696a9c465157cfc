"""Everything that one node decides about people who meet, in one machine.

::

    requests, log-ins ──▶ strangers ──Paired──▶ matches, sides ──▶ Matched, MatchEnded …
                             ▲ │ ◀───────────────── │ over: free the seat, front line, cool-down
         messages of nodes ──┘ └──▶ Send ◀──────────┘

Seats, matches and sides of an account are held by the node of its connection
alone. Nodes speak to each other by messages (`Send`), and so do two seats of
the same node; a bus carries them.
"""

from typing import Final

from floater.codes import Code
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import EndReason
from server.core import matches
from server.core.events import (
    Agreed,
    CancelSeek,
    Dropped,
    Effect,
    EndMatch,
    Event,
    HasOpened,
    Left,
    MatchEnded,
    Moved,
    Opened,
    Refused,
    Renamed,
    Request,
    Returned,
    Seek,
    Send,
    SideChanged,
    UpdateCandidates,
)
from server.core.matches import ABSENCE_LIMIT, Ended, Matches
from server.core.pairing import Paired, Undo
from server.core.pool import NodeId, UserId
from server.core.rates import Rate
from server.core.sides import Sides
from server.core.strangers import Effect as StrangersEffect
from server.core.strangers import Strangers


class Node:
    """The accounts of one server process.

    Args:
        name: of this node; new for each start of the process, where there are several.
        alone: there is no other node.
        absence_limit: seconds for which matches are kept while a connection is gone.
        forward_private: private addresses may be told to every peer.
        local: who comes from this computer sits at it, so the two of a match may be told its addresses.
        wave_limit: how many accounts may be led to guess ports of one address; None for no limit.
    """

    def __init__(
        self,
        name: NodeId = "",
        *,
        alone: bool = True,
        absence_limit: float = ABSENCE_LIMIT,
        forward_private: bool = False,
        local: bool = False,
        wave_limit: Rate | None = None,
    ) -> None:
        self.name: Final = name
        self._strangers = Strangers(name, alone=alone)
        self._matches = Matches(absence_limit=absence_limit)
        self._sides = Sides(forward_private=forward_private, local=local, wave_limit=wave_limit)

    @property
    def deadline(self) -> float | None:
        """When the next of its parts has something to do."""
        due = (self._strangers.deadline, self._matches.deadline)
        return min((when for when in due if when is not None), default=None)

    def match_of(self, user: UserId) -> str:
        """Return the stranger's match that an account is in; empty if there is none."""
        return self._strangers.match_of(user)

    def is_over(self, match_id: str, user: UserId) -> bool | None:
        """Return whether a match has ended for an account; None if nothing is known of the two."""
        if match_id in self._matches.of(user):
            return False
        return None if self._matches.past.reason(match_id, user) is None else True

    def feed(self, event: Event | Tick, *, now: float) -> list[Effect]:
        """Advance.

        Raises:
            LocalProtocolError: a request of an account that never arrived, or
                the `match_id` of a search is not new.
        """
        match event:
            case Returned():
                return self._return(event, now)
            case Dropped(user):
                return self._drop(user, now)
            case Left(user):
                return self._leave(user, matches.Leave(user), now)
            case Moved(user):
                return self._leave(user, matches.Move(user), now)
            case Renamed(user, username):
                self._strangers.rename(user, username)
                return []
            case Seek() | CancelSeek() | EndMatch() | UpdateCandidates() | Opened():
                if event.request.account not in self._strangers:
                    raise LocalProtocolError(f"user {event.request.account} is not here")
                return self._carry_out(event, now)
            case SideChanged() | HasOpened():
                return [*self._sides.hear(event, now=now)]
            case Ended(match_id):
                undone = self._from_strangers(self._strangers.hear(Undo(match_id), now=now), now)
                return undone + self._from_matches(self._matches.feed(event, now=now), now)
            case Tick():
                over = self._from_matches(self._matches.feed(event, now=now), now)
                return over + self._from_strangers(self._strangers.hear(event, now=now), now)
            case _:
                return self._from_strangers(self._strangers.hear(event, now=now), now)

    # -- coming and going -----------------------------------------------------------------

    def _return(self, event: Returned, now: float) -> list[Effect]:
        user = event.user
        self._strangers.sit(user)
        effects: list[Effect] = []
        if self.match_of(user) not in event.match_ids:  # also if it is in none
            effects += self._stop_waiting(user, now)
        news = self._matches.feed(matches.Return(user, event.match_ids), now=now)
        effects += self._from_matches(news, now)
        if matches.Believed(event.stranger, user) in news:
            self._strangers.hold(user, event.stranger)
        for match_id in self._matches.of(user):
            effects += self._sides.move(match_id, user, event.host, now=now)
        return effects

    def _drop(self, user: UserId, now: float) -> list[Effect]:
        if user not in self._strangers or self._matches.is_away(user):
            return []
        effects = self._stop_waiting(user, now)
        if self._matches.of(user):
            self._matches.feed(matches.Drop(user), now=now)
        else:
            self._strangers.remove(user, now=now)
        return effects

    def _leave(self, user: UserId, event: matches.Leave | matches.Move, now: float) -> list[Effect]:
        if user not in self._strangers:
            return []
        effects = self._stop_waiting(user, now)
        for match_id in self._matches.of(user):
            self._sides.end(match_id, user)
        effects += self._from_matches(self._matches.feed(event, now=now), now)
        self._strangers.remove(user, now=now)
        return effects

    def _stop_waiting(self, user: UserId, now: float) -> list[Effect]:
        return self._from_strangers(self._strangers.stop(user, now=now), now)

    # -- requests -------------------------------------------------------------------------

    def _carry_out(
        self, event: Seek | CancelSeek | EndMatch | UpdateCandidates | Opened, now: float
    ) -> list[Effect]:
        match event:
            case Seek():
                if event.match_id in self._matches:
                    raise LocalProtocolError(f"match {event.match_id} is not new")
                return self._from_strangers(self._strangers.seek(event, now=now), now)
            case CancelSeek():
                return self._from_strangers(self._strangers.cancel(event, now=now), now)
            case EndMatch(request, match_id, reason):
                return self._end(request, match_id, reason, now)
            case _:
                if event.match_id not in self._matches.of(event.request.account):
                    return [Refused(event.request, Code.NO_SUCH_MATCH)]
                known = self._sides
                if isinstance(event, Opened):
                    return [*known.open(event, now=now)]
                return [*known.update(event, now=now)]

    def _end(self, request: Request, match_id: str, reason: EndReason, now: float) -> list[Effect]:
        if reason is EndReason.LEFT:  # only a server says that
            return [Refused(request, Code.BAD_FIELD)]
        ended = self._matches.feed(matches.End(match_id, request.account, reason), now=now)
        return [Agreed(request), *self._from_matches(ended, now)]

    # -- from one part to the others ------------------------------------------------------

    def _from_strangers(self, effects: list[StrangersEffect], now: float) -> list[Effect]:
        return [self._begin(effect, now) if isinstance(effect, Paired) else effect for effect in effects]

    def _begin(self, paired: Paired, now: float) -> Effect:
        member = matches.Member(paired.peer.user, paired.peer.node)
        self._matches.feed(matches.Begin(paired.match_id, paired.user, member), now=now)
        return self._sides.begin(paired, now=now)

    def _from_matches(self, effects: list[matches.Effect], now: float) -> list[Effect]:
        done: list[Effect] = []
        for effect in effects:
            match effect:
                case matches.Tell(to, message):
                    done.append(Send(to, message))
                case matches.Over(match_id, user, _, reason, by_peer):
                    self._sides.end(match_id, user)
                    self._strangers.end(effect, now=now)
                    done += [MatchEnded(user, match_id, reason)] if by_peer else []
                case matches.Missed(match_id, user, reason):
                    done.append(MatchEnded(user, match_id, reason))
                case matches.Believed():
                    pass  # it matters to `_return` alone
                case _:  # Gone
                    self._strangers.remove(effect.user, now=now)
        return done
