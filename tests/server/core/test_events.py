"""What travels between nodes can be written down and read back, so that a bus may go over the network."""

from typing import get_args

import msgspec
import pytest

from floater.wire.control import EndReason
from server.core.events import HasOpened, Message, SideChanged
from server.core.matches import Ended
from server.core.matching import Waiting
from server.core.pairing import (
    Commit,
    Committed,
    Declined,
    Lapsed,
    Proposal,
    Release,
    Reserve,
    Reserved,
)
from server.core.pool import Hint
from server.core.sessions import LoggedIn, Revoked
from tests.helpers.nodes import a_side

PROPOSAL = Proposal("m", Hint(1, 2, "a"), Hint(3, 4, "b"), caller_leads=True, issued=5.0)
MESSAGES = (
    Reserve(PROPOSAL, a_side("ann")),
    Reserved(PROPOSAL, a_side("ben", hides=True)),
    Declined(PROPOSAL, is_gone=True),
    Commit(PROPOSAL),
    Committed(PROPOSAL),
    Lapsed(PROPOSAL),
    Release(PROPOSAL),
    Waiting("a", 1, (Hint(1, 2, "a"),), (1,)),
    Ended("m", 1, EndReason.HUNG_UP),
    SideChanged("m", 1, a_side("ann"), tell=True),
    HasOpened("m", 1, 0),
)


def test_every_message_between_nodes_is_below() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(Message))


@pytest.mark.parametrize("message", [*MESSAGES, LoggedIn(1, 2), Revoked(1, None), Revoked(1, b"x")], ids=repr)
def test_a_message_is_read_back_as_it_was_written(message: object) -> None:
    assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message
