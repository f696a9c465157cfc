"""Decide what one side of a match may know of the other (spec §4.4, §5.2).

A node keeps, for each account of its own that is in a match, that account's
own side and the last known side of its peer. Where they are not known (the
match is older than this server's memory) or either hides its address, nothing
is passed on.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from floater.codes import Code
from floater.wire import control
from floater.wire.endpoint import Candidate, Endpoint
from floater.wire.nat import UNKNOWN_NAT, Nat
from server.core.candidates import forwarded, verified
from server.core.events import (
    Agreed,
    HasOpened,
    Matched,
    Opened,
    PeerCandidates,
    PeerOpened,
    Refused,
    Send,
    SideChanged,
    UpdateCandidates,
)
from server.core.pairing import Paired
from server.core.pool import NodeId, UserId
from server.core.rates import Rate
from server.core.side import Side
from server.core.targets import Targets

UPDATE_WINDOW: Final = 600.0
"Seconds in which one side may send that many updates and openings in one match."
MAX_UPDATES: Final = 16
MAX_OPENED: Final = 32

Effect: TypeAlias = Agreed | Refused | Send | Matched | PeerCandidates | PeerOpened


@dataclass(slots=True)
class _View:
    """One side of a match, as this node sees it."""

    own: Side
    peer: Side
    node: NodeId
    "The peer's."
    last_punch: int = -1
    "The last punch of the peer that this side was told of."
    updated: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_UPDATES))
    "When this side's last updates came."
    opened: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_OPENED))
    "When this side's NAT was last said to be open."
    was_warned: bool = False
    "This side was told that one of its candidates was not believed."


class Sides:
    """Both sides of every match of this node's accounts.

    Args:
        forward_private: private addresses may be told to every peer.
        local: who comes from this computer sits at it.
        wave_limit: how many accounts may be led to guess ports of one address; None for no limit.
    """

    def __init__(
        self, *, forward_private: bool = False, local: bool = False, wave_limit: Rate | None = None
    ) -> None:
        self._forward_private = forward_private
        self._local = local
        self._targets = Targets(wave_limit)
        self._views: dict[str, dict[UserId, _View]] = {}

    def __len__(self) -> int:
        """How many sides are known."""
        return sum(len(views) for views in self._views.values())

    def begin(self, paired: Paired, *, now: float) -> Matched:
        """Remember both sides of a new match, and introduce the peer."""
        match_id, user, own, peer = paired.match_id, paired.user, paired.side, paired.peer_side
        view = self._views.setdefault(match_id, {})[user] = _View(own, peer, paired.peer.node)
        candidates, nat = self._known(user, view, now)
        relay_only = own.hides or peer.hides
        return Matched(match_id, user, paired.role, own, peer, candidates, nat, relay_only, paired.issued)

    def end(self, match_id: str, user: UserId) -> None:
        """Forget both sides, if they are known."""
        views = self._views.get(match_id, {})
        views.pop(user, None)
        if not views:
            self._views.pop(match_id, None)

    def move(self, match_id: str, user: UserId, host: str, *, now: float) -> list[Effect]:
        """Note the address that an account comes from now, and tell it where its peer is."""
        if (view := self._view(match_id, user)) is None:
            return []
        view.own = replace(view.own, host=host)
        changed = SideChanged(match_id, user, view.own, tell=False)
        return [Send(view.node, changed), *self._tell(match_id, user, view, now)]

    def update(self, event: UpdateCandidates, *, now: float) -> list[Effect]:
        """Take an account's new candidates, unless they come too often. It is in this match."""
        request, match_id = event.request, event.match_id
        view = self._view(match_id, request.account)
        if view is None or view.own.hides:
            return [Agreed(request)]
        if not _may(view.updated, now):
            return [Refused(request, Code.TOO_MANY_TRIES)]
        kept = verified(event.candidates, host=event.host, seen=event.seen)
        view.own = replace(view.own, candidates=kept, nat=event.nat, host=event.host)
        changed = SideChanged(match_id, request.account, view.own, tell=True)
        notice = "" if view.was_warned else left_out(kept, event.candidates)
        view.was_warned = view.was_warned or bool(notice)
        return [Agreed(request, notice), Send(view.node, changed)]

    def open(self, event: Opened, *, now: float) -> list[Effect]:
        """Take the news that an account's NAT is open for its peer, unless it comes too often."""
        request, match_id = event.request, event.match_id
        view = self._view(match_id, request.account)
        if view is None:
            return [Agreed(request)]
        if not _may(view.opened, now):
            return [Refused(request, Code.TOO_MANY_TRIES)]
        return [Agreed(request), Send(view.node, HasOpened(match_id, request.account, event.punch))]

    def hear(self, message: SideChanged | HasOpened, *, now: float) -> list[Effect]:
        """Take the news of a peer from its node, and tell what may be told."""
        effects: list[Effect] = []
        for user, view in self._views.get(message.match_id, {}).items():
            if user == message.of:
                continue
            if isinstance(message, SideChanged):
                view.peer = message.side
                effects += self._tell(message.match_id, user, view, now) if message.tell else []
            elif message.punch > view.last_punch and self._candidates(view):
                view.last_punch = message.punch
                effects.append(PeerOpened(message.match_id, user, message.punch))
        return effects

    # -- parts of the above ---------------------------------------------------------------

    def _view(self, match_id: str, user: UserId) -> _View | None:
        return self._views.get(match_id, {}).get(user)

    def _known(self, user: UserId, view: _View, now: float) -> tuple[tuple[Candidate, ...], Nat]:
        """Return the candidates and the NAT of the peer that an account is told of."""
        if view.own.hides or view.peer.hides:
            return (), UNKNOWN_NAT
        candidates = self._candidates(view)
        return candidates, self._targets.known_nat(view.peer.nat, candidates, user, now=now)

    def _candidates(self, view: _View) -> tuple[Candidate, ...]:
        """Return the candidates of the peer that a side may know."""
        if view.own.hides or view.peer.hides:
            return ()
        return forwarded(
            view.peer.candidates,
            host=view.peer.host,
            to_host=view.own.host,
            forward_private=self._forward_private,
            local=self._local,
        )

    def _tell(self, match_id: str, user: UserId, view: _View, now: float) -> list[Effect]:
        candidates, nat = self._known(user, view, now)
        return [PeerCandidates(match_id, user, candidates, nat)] if candidates else []


def _may(times: deque[float], now: float) -> bool:
    """Count one more, unless there were as many as `times` holds within UPDATE_WINDOW."""
    if len(times) == times.maxlen and now - times[0] < UPDATE_WINDOW:
        return False
    times.append(now)
    return True


def side_of(
    wish: control.Seek, *, username: str, host: str, seen: Collection[Endpoint], relay: str = ""
) -> tuple[Side, str]:
    """Return what an account brings to a search, and a notice for its client, empty if there is none.

    Args:
        wish: the request.
        username: the account's name.
        host: the address that its control connection comes from.
        seen: the endpoints at which our observers saw it.
        relay: `host:port` of this node's relay.
    """
    named = () if wish.hide_address else wish.candidates
    kept = verified(named, host=host, seen=seen)
    side = Side(
        username, wish.language, wish.certificate, kept, host, wish.nat, hides=wish.hide_address, relay=relay
    )
    return side, left_out(kept, named)


def left_out(kept: tuple[Candidate, ...], named: tuple[Candidate, ...]) -> str:
    """Return the notice for a client whose candidates were not all believed; empty if they were."""
    return Code.BAD_CANDIDATE if len(kept) < len(set(named)) else ""
