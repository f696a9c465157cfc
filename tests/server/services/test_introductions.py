"""What a node decided, as clients read it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from floater.wire import control
from floater.wire.control import EndReason, Role
from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.nat import UNKNOWN_NAT, Mapping, Nat
from server.bus.local import LocalBus
from server.config import ServerConfig
from server.core.events import Matched, MatchEnded, PeerCandidates, PeerOpened
from server.core.side import Side
from server.services.guests import Guests
from server.services.introductions import Introductions
from server.services.keys import open_keys
from server.services.tickets import TicketSigner
from tests.server.services.test_guests import ANN, BEN, Client, session

OWN = Side("ann", "en", b"a" * 64, (), "203.0.113.1", UNKNOWN_NAT, hides=False, relay="one:1")
PEER = Side("ben", "zh", b"b" * 64, (), "203.0.113.2", UNKNOWN_NAT, hides=False, relay="two:2")
PLACES = (Candidate(CandidateKind.PUBLIC, "203.0.113.2", 40_000),)
OPEN = Nat(Mapping.OPEN)
MATCHED = Matched("m", ANN, Role.LEADER, OWN, PEER, PLACES, OPEN, relay_only=False, issued=1_000.0)


@pytest.fixture
def introductions(tmp_path: Path) -> tuple[Introductions, Client, TicketSigner]:
    guests, ann, signer = Guests(LocalBus()), Client(), TicketSigner(open_keys(tmp_path))
    guests.arrive(ann, session(ANN), 1)
    return Introductions(ServerConfig(data_dir=tmp_path), signer, guests), ann, signer


def test_the_peer_is_introduced_by_a_ticket_that_both_get(
    introductions: tuple[Introductions, Client, TicketSigner],
) -> None:
    tell, ann, signer = introductions
    tell.tell(MATCHED)
    tell.tell(replace(MATCHED, role=Role.FOLLOWER, own=PEER, peer=OWN))
    leads, follows = ann.told
    assert isinstance(leads, control.Matched)
    assert isinstance(follows, control.Matched)
    assert leads.peer == control.Peer("ben", "zh")
    assert abs(leads.time - time.time()) < 60
    assert (leads.certificate, leads.candidates, leads.nat) == (PEER.certificate, PLACES, OPEN)
    assert (leads.ticket, leads.signature) == (follows.ticket, follows.signature)
    passes = [signer.read_relay_token(told.relay_token) for told in (leads, follows)]
    assert [one.role for one in passes] == [Role.LEADER, Role.FOLLOWER]
    assert {(one.account, one.issued) for one in passes} == {(ANN, 1_000.0)}
    assert leads.relay == follows.relay == "one:1", "both go to the relay of the leader's node"


def test_news_go_to_the_account_that_they_are_for(
    introductions: tuple[Introductions, Client, TicketSigner],
) -> None:
    tell, ann, _ = introductions
    for news in (
        PeerCandidates("m", ANN, PLACES, OPEN),
        PeerOpened("m", ANN, 3),
        MatchEnded(ANN, "m", EndReason.LOST),
        MatchEnded(BEN, "m", EndReason.LOST),
    ):
        tell.tell(news)
    assert ann.told == [
        control.PeerCandidates("m", PLACES, OPEN),
        control.PeerOpened("m", 3),
        control.MatchEnded("m", EndReason.LOST),
    ]
