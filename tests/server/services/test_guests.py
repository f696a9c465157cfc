"""Who is here: one log-in an account, whichever node the later one is at."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from floater.codes import Code
from floater.wire import control
from floater.wire.endpoint import Endpoint
from server.bus.base import ACCOUNTS
from server.bus.local import LocalBus
from server.core import sessions
from server.core.sessions import LoggedIn, Revoked
from server.services.account_parts import Session, Source
from server.services.guests import Guest, Guests

ANN, BEN = 1, 2
PING = control.Done(id=1)


@dataclass(eq=False)
class Client:
    """A control connection that remembers what it is told."""

    session: Session | None = None
    device: int = 0
    told: list[control.ServerMessage] = field(default_factory=list)
    dismissed: list[Code] = field(default_factory=list)

    host = "203.0.113.1"
    source = Source("203.0.113.1")
    seen: frozenset[Endpoint] = frozenset()

    @property
    def is_closed(self) -> bool:
        return bool(self.dismissed)

    def send(self, message: control.ServerMessage) -> None:
        self.told.append(message)

    def dismiss(self, code: Code, retry_after: float = 0.0) -> None:
        self.dismissed.append(code)


def session(account: int = ANN, token: bytes = b"token") -> Session:
    return Session(account, f"user {account}", token)


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def said(bus: LocalBus) -> list[sessions.Message]:
    """What all nodes are told."""
    heard: list[sessions.Message] = []
    hear: Callable[[sessions.Message], None] = heard.append
    bus.subscribe(ACCOUNTS, hear)
    return heard


def test_who_logs_in_is_found_and_can_be_told(bus: LocalBus, said: list[sessions.Message]) -> None:
    guests, ann = Guests(bus), Client()
    as_guest: Guest = ann
    assert guests.arrive(as_guest, session(), 1)
    assert (guests.of(ANN), guests.get(ANN, ann.device), len(guests)) == (ann, ann, 1)
    assert (guests.of(BEN), guests.get(ANN, 99)) == (None, None)
    guests.send(ANN, PING)
    guests.send(BEN, PING)
    assert ann.told == [PING]
    assert said == [LoggedIn(ANN, 1)]


def test_who_logs_out_is_forgotten_once(bus: LocalBus) -> None:
    guests, ann = Guests(bus), Client()
    guests.arrive(ann, session(), 1)
    assert guests.leave(ann) == ANN
    assert guests.leave(ann) is None
    assert (len(guests), ann.session) == (0, None)


def test_a_later_log_in_closes_the_earlier(bus: LocalBus) -> None:
    guests, ann, elsewhere = Guests(bus), Client(), Client()
    guests.arrive(ann, session(), 1)
    assert guests.arrive(elsewhere, session(), 2)
    assert (ann.dismissed, ann.session) == ([Code.LOGGED_IN_ELSEWHERE], None)
    assert guests.leave(ann) is None
    assert guests.of(ANN) is elsewhere


def test_a_log_in_that_was_overtaken_is_closed_itself(bus: LocalBus, said: list[sessions.Message]) -> None:
    guests, late, ann = Guests(bus), Client(), Client()
    guests.arrive(ann, session(), 2)
    assert not guests.arrive(late, session(), 1)
    assert (late.dismissed, guests.of(ANN)) == ([Code.LOGGED_IN_ELSEWHERE], ann)
    assert said == [LoggedIn(ANN, 2)]


def test_a_stream_keeps_its_number_over_log_ins(bus: LocalBus) -> None:
    guests, ann = Guests(bus), Client()
    guests.arrive(ann, session(), 1)
    device = ann.device
    guests.leave(ann)
    guests.arrive(ann, session(BEN), 2)
    assert ann.device == device > 0


def test_a_later_log_in_at_another_node_closes_ours(bus: LocalBus, said: list[sessions.Message]) -> None:
    guests, ann = Guests(bus), Client()
    guests.arrive(ann, session(), 2)
    assert not guests.hear(LoggedIn(ANN, 1))
    assert said == [LoggedIn(ANN, 2), LoggedIn(ANN, 2)], "the other node is told that its log-in is late"
    assert guests.hear(LoggedIn(ANN, 3))
    assert (ann.dismissed, ann.session, len(guests)) == ([Code.LOGGED_IN_ELSEWHERE], None, 0)
    assert not guests.hear(LoggedIn(ANN, 4))


def test_a_revoked_log_in_is_closed_unless_its_token_is_kept(bus: LocalBus) -> None:
    guests, ann = Guests(bus), Client()
    guests.arrive(ann, session(), 1)
    assert not guests.revoke(Revoked(ANN, b"token"))
    assert not guests.revoke(Revoked(BEN, None))
    assert guests.revoke(Revoked(ANN, b"another"))
    assert (ann.dismissed, len(guests)) == ([Code.SESSION_ENDED], 0)


@pytest.mark.asyncio
async def test_log_ins_are_numbered(bus: LocalBus) -> None:
    guests, others = Guests(bus), Guests(bus)
    assert [await guests.next_number(), await others.next_number()] == [1, 2]
