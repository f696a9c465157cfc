"""Carry requests to the node's machine, and its decisions to clients and other nodes (spec §4.4)."""

import random
import secrets
import time
from typing import Final

from floater.codes import Code
from floater.crypto.certificate import is_match_certificate
from floater.drive import Driver
from floater.errors import ServerRefused
from floater.wire import control
from floater.wire.control import EndReason
from server.bus.base import ACCOUNTS, EVERY_NODE, Bus, node_address
from server.config import ServerConfig
from server.core import events
from server.core.matches import is_match_id
from server.core.node import Node
from server.core.quotas import Quotas
from server.core.rates import parse_rates
from server.core.sessions import LoggedIn, Revoked
from server.core.sides import side_of
from server.services.account_parts import Session
from server.services.guests import Guest, Guests
from server.services.introductions import Introductions
from server.services.tickets import RelayPass, TicketSigner

_random: Final = random.SystemRandom()


class Matchmaking:
    """The accounts that are logged in at this node, and whom they meet.

    A request is answered by the time its method returns. A method raises
    `ServerRefused` if the node was not even asked.
    """

    def __init__(self, config: ServerConfig, signer: TicketSigner, bus: Bus) -> None:
        self._config = config
        self._bus = bus
        self._guests = Guests(bus)
        self._quotas = Quotas(*parse_rates(config.match_limit, 2), local=config.local)
        self._introductions = Introductions(config, signer, self._guests)
        self._began = time.time()
        self._node = Node(
            absence_limit=config.absence_limit,
            forward_private=config.forward_private,
            local=config.local,
            wave_limit=parse_rates(config.wave_limit, 1)[0],
        )
        self._driver = Driver(self._node, self._perform)
        self._subscriptions = (
            bus.subscribe(node_address(self._node.name), self._driver.feed),
            bus.subscribe(EVERY_NODE, self._driver.feed),
            bus.subscribe(ACCOUNTS, self._hear_of_log_ins),
        )

    def close(self) -> None:
        """Decide nothing more."""
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._driver.close()

    def may_relay(self, relay_pass: RelayPass) -> bool:
        """Return True if a pass is good: as long as its match goes on, however long that is.

        A pass from before this server's start is good until it expires, unless the
        match is known to have ended since.
        """
        is_over = self._node.is_over(relay_pass.match_id, relay_pass.account)
        if is_over is None:
            return relay_pass.issued < self._began and time.time() < relay_pass.expires
        return not is_over

    # -- coming and going -----------------------------------------------------------------

    async def next_number(self) -> int:
        """Return the number of the next log-in, for `arrive`."""
        return await self._guests.next_number()

    def arrive(
        self,
        guest: Guest,
        session: Session,
        number: int,
        match_ids: tuple[str, ...] = (),
        *,
        stranger: str = "",
    ) -> None:
        """Log a client in. An earlier one of the account is told, and closed.

        Args:
            guest: the client.
            session: its log-in.
            number: of this log-in.
            match_ids: the matches that it says still go on.
            stranger: which of them is with a stranger; empty if there is none.
        """
        if not self._guests.arrive(guest, session, number):
            return
        for match_id in match_ids:
            if not is_match_id(match_id):
                guest.send(control.MatchEnded(match_id=match_id, reason=EndReason.LEFT))
        going_on = tuple(match_id for match_id in match_ids if is_match_id(match_id))
        self._driver.feed(events.Returned(session.account, going_on, guest.host, stranger))

    def leave(self, guest: Guest) -> None:
        """Log a client out."""
        if (account := self._guests.leave(guest)) is not None:
            self._driver.feed(events.Left(account))

    def drop(self, guest: Guest) -> None:
        """Take note that a connection is gone; the client may come back."""
        if (account := self._guests.leave(guest)) is not None:
            self._driver.feed(events.Dropped(account))

    def rename(self, guest: Guest, session: Session) -> None:
        """Use another name for an account, from its next match on."""
        if guest.session is not None:
            guest.session = session
            self._driver.feed(events.Renamed(session.account, session.username))

    # -- requests -------------------------------------------------------------------------

    def seek(self, guest: Guest, m: control.Seek) -> None:
        """Look for a stranger.

        Raises:
            ServerRefused: also TOO_MANY_TRIES, for an account or a network that had many matches lately.
        """
        request, session = _request(guest, m)
        wait = self._quotas.wait(session.account, guest.host, now=time.monotonic())
        if wait > 0.0:
            raise ServerRefused(Code.TOO_MANY_TRIES, "matches", retry_after=wait)
        if not is_match_certificate(m.certificate):
            raise ServerRefused(Code.BAD_FIELD, "certificate")
        side, notice = side_of(
            m, username=session.username, host=guest.host, seen=guest.seen, relay=self._config.relay_address
        )
        pick, match_id = _random.random(), secrets.token_urlsafe(16)
        self._driver.feed(events.Seek(request, side, pick, match_id, m.after, time.time(), notice))

    def cancel(self, guest: Guest, m: control.CancelSeek) -> None:
        """Stop looking."""
        request, _ = _request(guest, m)
        self._driver.feed(events.CancelSeek(request))

    def end_match(self, guest: Guest, m: control.EndMatch) -> None:
        """End a match for both. A match that is over or not the client's is left alone."""
        request, _ = _request(guest, m)
        self._driver.feed(events.EndMatch(request, m.match_id, m.reason))

    def update_candidates(self, guest: Guest, m: control.UpdateCandidates) -> None:
        """Tell the peer where a client is now, if it may know."""
        request, _ = _request(guest, m)
        self._driver.feed(
            events.UpdateCandidates(request, m.match_id, m.candidates, m.nat, guest.host, guest.seen)
        )

    def open(self, guest: Guest, m: control.Opened) -> None:
        """Tell the peer that a client's NAT is open for it, if it may know."""
        request, _ = _request(guest, m)
        self._driver.feed(events.Opened(request, m.match_id, m.punch))

    # -- what was decided, here and elsewhere ---------------------------------------------

    def _perform(self, effect: events.Effect) -> None:
        match effect:
            case events.Send(to, message):
                self._bus.publish(EVERY_NODE if to is None else node_address(to), message)
            case events.Agreed(request, notice):
                self._answer(request, control.Done(id=request.id, notice=notice))
            case events.Refused(request, code):
                self._answer(request, control.Refused(code=code, id=request.id))
            case _:
                if (guest := self._guests.of(effect.user)) is not None:
                    self._quotas.hear(effect, guest.host, now=time.monotonic())
                self._introductions.tell(effect)

    def _answer(self, request: events.Request, message: control.Answer) -> None:
        if (guest := self._guests.get(request.account, request.device)) is not None:
            guest.send(message)

    def _hear_of_log_ins(self, message: LoggedIn | Revoked) -> None:
        match message:
            case LoggedIn(account):
                if self._guests.hear(message):
                    self._driver.feed(events.Moved(account))
            case Revoked(account):
                if self._guests.revoke(message):
                    self._driver.feed(events.Left(account))


def _request(guest: Guest, m: control.Request) -> tuple[events.Request, Session]:
    """Name a client's request and its log-in.

    Raises:
        ServerRefused: NOT_LOGGED_IN.
    """
    if guest.session is None:
        raise ServerRefused(Code.NOT_LOGGED_IN)
    return events.Request(guest.session.account, guest.device, m.id), guest.session
