"""Who is here, who seeks, who is matched: carries the lobby's decisions to the people (spec §4.4).

The lobby decides; this room adds what it needs no knowledge of: connections,
names, certificates, candidates and tickets.
"""

import random
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm

from floater.codes import Code
from floater.crypto.certificate import key_fingerprint
from floater.drive import Driver
from floater.errors import ServerRefused
from floater.wire import control
from floater.wire.control import EndReason, Role
from floater.wire.endpoint import Candidate, Endpoint
from floater.wire.nat import UNKNOWN_NAT, Nat
from server.config import ServerConfig
from server.core import lobby
from server.core.candidates import forwarded, verified
from server.core.pool import UserId
from server.services.accounts import Session
from server.services.tickets import SignedMatch, TicketOffice

_MATCH_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_random: Final = random.SystemRandom()


class Guest(Protocol):
    """Somebody's control connection, as much as matchmaking needs of it."""

    session: Session | None

    @property
    def host(self) -> str:
        """The address it comes from."""

    @property
    def seen(self) -> frozenset[Endpoint]:
        """Where the observers saw it."""

    def send(self, message: control.ServerMessage) -> None:
        """Tell it something."""

    def dismiss(self, code: Code, retry_after: float = 0.0) -> None:
        """Say why, and close it."""


@dataclass(slots=True)
class _Side:
    """What one person brought to a search, and to the match that came of it."""

    certificate: bytes
    candidates: tuple[Candidate, ...]
    host: str
    nat: Nat
    hides: bool
    language: str
    opened: int = -1
    "The last punch that the peer was told of."


class Matchmaking:
    """Everybody who is logged in here.

    Everything happens at once, in the order in which it is asked for. Methods
    that carry out a wish raise `ServerRefused` when it is turned down.
    """

    def __init__(self, config: ServerConfig, office: TicketOffice) -> None:
        self._config = config
        self._office = office
        self._lobby = lobby.Lobby(absence_limit=config.absence_limit)
        self._driver = Driver(self._lobby, self._perform)
        self._guests: dict[UserId, Guest] = {}
        self._sides: dict[UserId, _Side] = {}
        self._agreed: Callable[[], None] = _nothing
        self._refused: Code | None = None

    def close(self) -> None:
        """Decide nothing more."""
        self._driver.close()

    @property
    def online(self) -> int:
        """How many are logged in."""
        return len(self._guests)

    # -- coming and going -----------------------------------------------------------------

    def arrive(self, guest: Guest, session: Session, match_id: str = "") -> None:
        """Somebody has logged in; an older connection of theirs is told and closed.

        `match_id` names the match that they say still goes on.
        """
        user = session.account
        older = self._guests.get(user)
        if older is not None and older is not guest:
            older.session = None
            older.dismiss(Code.LOGGED_IN_ELSEWHERE)
        guest.session = session
        self._guests[user] = guest
        if match_id and _MATCH_ID.fullmatch(match_id) is None:
            guest.send(control.MatchEnded(match_id=match_id, reason=EndReason.LEFT))  # never was one
            match_id = ""
        self._driver.feed(lobby.Returned(user, match_id) if match_id else lobby.Arrived(user))
        self._tidy(user)
        if (side := self._sides.get(user)) is not None:
            side.host = guest.host
            if (peer := self._lobby.peer_of(user)) is not None:
                self._tell_candidates(of=peer, to=user)

    def leave(self, guest: Guest) -> None:
        """Somebody's log-in has ended."""
        self._depart(guest, lobby.Left)

    def drop(self, guest: Guest) -> None:
        """A connection is gone, perhaps to come again."""
        self._depart(guest, lobby.Dropped)

    def _depart(self, guest: Guest, event: type[lobby.Left | lobby.Dropped]) -> None:
        session, guest.session = guest.session, None
        if session is not None and self._guests.get(session.account) is guest:
            del self._guests[session.account]
            self._driver.feed(event(session.account))
            self._tidy(session.account)

    def revoke(self, account: int, keep: bytes | None) -> None:
        """All log-ins of an account have ended, but the one with the token hash `keep`."""
        guest = self._guests.get(account)
        if guest is not None and guest.session is not None and guest.session.token_hash != keep:
            self.leave(guest)
            guest.dismiss(Code.SESSION_ENDED)

    # -- wishes ---------------------------------------------------------------------------

    def seek(self, guest: Guest, m: control.Seek) -> None:
        """Look for a stranger. `done` comes before what follows from it."""
        user = _user(guest)
        try:
            key_fingerprint(m.certificate)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ServerRefused(Code.BAD_FIELD, "certificate") from error
        candidates = () if m.hide_address else verified(m.candidates, host=guest.host, seen=guest.seen)
        before = self._sides.get(user)
        self._sides[user] = _Side(m.certificate, candidates, guest.host, m.nat, m.hide_address, m.language)
        try:
            self._wish(
                lobby.Seek(user, _random.random(), secrets.token_urlsafe(16), m.after),
                lambda: guest.send(_done(m, candidates, m.candidates, hidden=m.hide_address)),
            )
        except ServerRefused:
            self._sides.pop(user)
            if before is not None:
                self._sides[user] = before
            raise

    def cancel(self, guest: Guest, m: control.CancelSeek) -> None:
        """Stop looking."""
        user = _user(guest)
        self._wish(lobby.CancelSeek(user), lambda: guest.send(control.Done(id=m.id)))
        self._tidy(user)

    def end_match(self, guest: Guest, m: control.EndMatch) -> None:
        """End a match for both. Said again, or of a match that is over, it changes nothing."""
        user = _user(guest)
        if m.reason is EndReason.LEFT:
            raise ServerRefused(Code.BAD_FIELD, "only a server says that")
        self._wish(lobby.EndMatch(user, m.match_id, m.reason), lambda: guest.send(control.Done(id=m.id)))
        self._tidy(user)

    def update_candidates(self, guest: Guest, m: control.UpdateCandidates) -> None:
        """Tell the peer where somebody is now, if either may know of the other."""
        user = _user(guest)
        if self._lobby.match_of(user) != m.match_id:
            raise ServerRefused(Code.NO_SUCH_MATCH)
        side, peer = self._sides.get(user), self._lobby.peer_of(user)
        candidates: tuple[Candidate, ...] = ()
        if side is not None and not side.hides:
            side.candidates = candidates = verified(m.candidates, host=guest.host, seen=guest.seen)
            side.host, side.nat = guest.host, m.nat
        guest.send(_done(m, candidates, m.candidates, hidden=side is None or side.hides))
        if peer is not None:
            self._tell_candidates(of=user, to=peer)

    def open(self, guest: Guest, m: control.Opened) -> None:
        """Tell the peer that somebody's NAT is open for it, once for each punch, if it may know of them."""
        user = _user(guest)
        if self._lobby.match_of(user) != m.match_id:
            raise ServerRefused(Code.NO_SUCH_MATCH)
        guest.send(control.Done(id=m.id))
        side, peer = self._sides.get(user), self._lobby.peer_of(user)
        if (
            side is not None
            and m.punch > side.opened
            and peer is not None
            and (other := self._guests.get(peer)) is not None
            and self._forwarded(of=user, to=peer)
        ):
            side.opened = m.punch
            other.send(control.PeerOpened(match_id=m.match_id, punch=m.punch))

    def _wish(self, event: lobby.Event, agreed: Callable[[], None]) -> None:
        self._agreed, self._refused = agreed, None
        self._driver.feed(event)
        self._agreed = _nothing
        if self._refused is not None:
            raise ServerRefused(self._refused)

    def _tidy(self, user: UserId) -> None:
        """Forget what somebody brought, once they neither wait nor are in a match."""
        if not self._lobby.is_engaged(user):
            self._sides.pop(user, None)

    # -- what the lobby decided -----------------------------------------------------------

    def _perform(self, effect: lobby.Effect) -> None:
        match effect:
            case lobby.Agreed():
                self._agreed()
            case lobby.Refused(_, code):
                self._refused = code
            case lobby.Matched(match_id, leader, follower):
                self._introduce(match_id, leader, follower)
            case lobby.MatchEnded(user, match_id, reason):
                self._tidy(user)
                if (guest := self._guests.get(user)) is not None:
                    guest.send(control.MatchEnded(match_id=match_id, reason=reason))

    def _introduce(self, match_id: str, leader: UserId, follower: UserId) -> None:
        one, other = self._sides[leader], self._sides[follower]
        signed = self._office.sign(
            match_id,
            leader=one.certificate,
            follower=other.certificate,
            issued=time.time(),
            lifetime=self._config.ticket_lifetime,
        )
        self._guests[leader].send(self._matched(match_id, Role.LEADER, signed, leader, follower))
        self._guests[follower].send(self._matched(match_id, Role.FOLLOWER, signed, follower, leader))

    def _matched(
        self, match_id: str, role: Role, signed: SignedMatch, user: UserId, peer: UserId
    ) -> control.Matched:
        other, session = self._sides[peer], self._guests[peer].session
        assert session is not None
        relay_only = other.hides or self._sides[user].hides
        return control.Matched(
            match_id=match_id,
            role=role,
            peer=control.Peer(username=session.username, language=other.language),
            certificate=other.certificate,
            ticket=signed.ticket,
            signature=signed.signature,
            relay_token=signed.leader_token if role is Role.LEADER else signed.follower_token,
            candidates=self._forwarded(of=peer, to=user),
            nat=UNKNOWN_NAT if relay_only else other.nat,
            relay_only=relay_only,
        )

    def _forwarded(self, *, of: UserId, to: UserId) -> tuple[Candidate, ...]:
        """What the one may know of the other's places: nothing if either hides, or may have hidden."""
        one, other = self._sides.get(of), self._sides.get(to)
        if one is None or other is None or one.hides or other.hides:
            return ()
        return forwarded(
            one.candidates,
            host=one.host,
            to_host=other.host,
            forward_private=self._config.forward_private,
        )

    def _tell_candidates(self, *, of: UserId, to: UserId) -> None:
        candidates, guest = self._forwarded(of=of, to=to), self._guests.get(to)
        if candidates and guest is not None:
            nat = self._sides[of].nat
            match_id = self._lobby.match_of(to)
            guest.send(control.PeerCandidates(match_id=match_id, candidates=candidates, nat=nat))


def _nothing() -> None:
    """Nobody asked."""


def _user(guest: Guest) -> UserId:
    if guest.session is None:
        raise ServerRefused(Code.NOT_LOGGED_IN)
    return guest.session.account


def _done(
    m: control.Request, kept: tuple[Candidate, ...], named: tuple[Candidate, ...], *, hidden: bool
) -> control.Done:
    """Answer, and say if a place was left out that its owner was free to name."""
    left_out = not hidden and len(kept) < len(set(named))
    return control.Done(id=m.id, notice=Code.BAD_CANDIDATE if left_out else "")
