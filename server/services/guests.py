"""Who is here: the log-ins of this node, by account and device, and how to tell them something."""

from itertools import count
from typing import Final, Protocol

from floater.codes import Code
from floater.wire import control
from floater.wire.endpoint import Endpoint
from server.bus.base import ACCOUNTS, Bus
from server.core.pool import UserId
from server.core.sessions import LoggedIn, Revoked, Sessions
from server.services.account_parts import Session, Source

_COUNTER: Final = "sessions"


class Guest(Protocol):
    """The control connection of one client, as much as the services need of it."""

    session: Session | None
    "Its log-in; set by `Guests`."
    device: int
    "Its number among the streams of this node, 0 before the first log-in; set by `Guests`."

    @property
    def host(self) -> str:
        """The address it comes from."""

    @property
    def source(self) -> Source:
        """The same, as `Accounts` wants it."""

    @property
    def seen(self) -> frozenset[Endpoint]:
        """The endpoints at which our observers saw it."""

    @property
    def is_closed(self) -> bool:
        """True if it cannot be told anything any more."""

    def send(self, message: control.ServerMessage) -> None:
        """Send a message."""

    def dismiss(self, code: Code, retry_after: float = 0.0) -> None:
        """Say why, and close it."""


class Guests:
    """The clients that are logged in at this node. An account has one log-in; a later one replaces it.

    Args:
        bus: tells the other nodes of each log-in.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sessions = Sessions()
        self._guests: dict[tuple[UserId, int], Guest] = {}
        self._devices = count(1)

    def __len__(self) -> int:
        """How many are logged in."""
        return len(self._guests)

    async def next_number(self) -> int:
        """Return the number of the next log-in."""
        return await self._bus.next_number(_COUNTER)

    def arrive(self, guest: Guest, session: Session, number: int) -> bool:
        """Log a client in. An earlier client of the account is told, and closed.

        Returns:
            False if a later log-in of the account was faster: then this client was told and closed.
        """
        account = session.account
        guest.device = guest.device or next(self._devices)
        guest.session = session
        self._guests[account, guest.device] = guest
        replaced = self._sessions.arrive(account, guest.device, number)
        if replaced is not None:
            self._close(account, replaced, Code.LOGGED_IN_ELSEWHERE)
        if replaced == guest.device:
            return False
        self._bus.publish(ACCOUNTS, LoggedIn(account, number))
        return True

    def leave(self, guest: Guest) -> UserId | None:
        """Log a client out; return its account, None if it was not logged in."""
        session, guest.session = guest.session, None
        if session is None:
            return None
        del self._guests[session.account, guest.device]
        self._sessions.leave(session.account, guest.device)
        return session.account

    def hear(self, message: LoggedIn) -> bool:
        """Take the news of a log-in; return True if it ended the account's log-in at this node."""
        answer = self._sessions.hear(message)
        if isinstance(answer, LoggedIn):
            self._bus.publish(ACCOUNTS, answer)
        elif answer is not None:
            self._close(message.account, answer, Code.LOGGED_IN_ELSEWHERE)
            return True
        return False

    def revoke(self, message: Revoked) -> bool:
        """End the log-in of an account unless its token is kept; return True if one was here."""
        guest = self.of(message.account)
        if guest is None or guest.session is None or guest.session.token_hash == message.keep:
            return False
        self.leave(guest)
        guest.dismiss(Code.SESSION_ENDED)
        return True

    def of(self, account: UserId) -> Guest | None:
        """Return the client on which an account is logged in; None if it is not."""
        device = self._sessions.device(account)
        return None if device is None else self._guests[account, device]

    def get(self, account: UserId, device: int) -> Guest | None:
        """Return a client by account and device; None if it is not logged in."""
        return self._guests.get((account, device))

    def send(self, account: UserId, message: control.ServerMessage) -> None:
        """Send a message to an account, if it is logged in here."""
        if (guest := self.of(account)) is not None:
            guest.send(message)

    def _close(self, account: UserId, device: int, code: Code) -> None:
        guest = self._guests.pop((account, device))
        guest.session = None
        guest.dismiss(code)
