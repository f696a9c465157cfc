"""A ticket whose signature holds must still be about us, our peer, and now."""

import hashlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import Role
from floater.wire.ticket import Ticket, check_ticket, encode_ticket

LEADER, FOLLOWER, STRANGER = b"leader's", b"follower's", b"stranger's"
ISSUED = 1_800_000_000.0
TICKET = Ticket(
    "m1", hashlib.sha256(LEADER).digest(), hashlib.sha256(FOLLOWER).digest(), ISSUED, ISSUED + 86_400.0
)


@dataclass(frozen=True)
class Case:
    payload: bytes = encode_ticket(TICKET)
    match_id: str = "m1"
    role: Role = Role.LEADER
    own: bytes = LEADER
    peer: bytes = FOLLOWER
    server_time: float = ISSUED + 1.0

    def check(self) -> Ticket:
        return check_ticket(
            self.payload,
            match_id=self.match_id,
            role=self.role,
            own=self.own,
            peer=self.peer,
            server_time=self.server_time,
        )


def test_both_sides_accept_their_ticket() -> None:
    assert Case().check() == TICKET
    assert Case(role=Role.FOLLOWER, own=FOLLOWER, peer=LEADER).check() == TICKET


@pytest.mark.parametrize(
    "changed",
    [
        {"match_id": "m2"},
        {"peer": STRANGER},
        {"own": STRANGER},
        {"role": Role.FOLLOWER},
        {"own": FOLLOWER, "peer": LEADER},
        {"server_time": ISSUED - 61.0},
        {"server_time": ISSUED + 86_400.0},
        {"server_time": float("nan")},
        {"payload": b""},
        {"payload": b"{}"},
        {"payload": b"\xff"},
        {"payload": b"[" * 1_000},
        {"payload": encode_ticket(TICKET)[:-1]},
    ],
    ids=str,
)
def test_a_ticket_about_anything_else_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        replace(Case(), **changed).check()  # type: ignore[arg-type]  # the names are those of the fields
    assert caught.value.code is Code.BAD_TICKET


def test_the_server_s_clock_may_be_set_back_a_little() -> None:
    assert Case(server_time=ISSUED - 60.0).check() == TICKET


@given(st.binary(max_size=200))
def test_no_bytes_break_the_check(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Case(payload=payload).check()
