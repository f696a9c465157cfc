from dataclasses import FrozenInstanceError

import msgspec
import pytest

from floater.core.meet.introduction import Relay, TicketProof, introduction_of
from floater.wire.control import Matched, Peer, Role
from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.nat import Allocation, Filtering, Mapping, Nat

CONE = Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.PORT_DEPENDENT, Allocation.PRESERVED)

MATCHED = Matched(
    match_id="m",
    role=Role.FOLLOWER,
    peer=Peer("Bob"),
    certificate=b"c" * 64,
    ticket=b"t",
    signature=b"s" * 64,
    relay_token=b"r",
    candidates=(Candidate(CandidateKind.PUBLIC, "8.8.8.8", 4_444),),
    nat=CONE,
    relay_only=True,
    relay="relay.example.org:443",
)


def test_an_introduction_says_all_that_matched_says_of_the_peer() -> None:
    made = introduction_of(MATCHED, own=b"o" * 64, signer=b"k" * 32)
    assert (made.match_id, made.role, made.name) == ("m", Role.FOLLOWER, "Bob")
    assert (made.own, made.certificate) == (b"o" * 64, b"c" * 64)
    assert made.proof == TicketProof(b"t", b"s" * 64, b"k" * 32)
    assert (made.candidates, made.nat) == (MATCHED.candidates, CONE)
    assert made.relay == Relay(b"r", "relay.example.org:443")
    assert made.hides
    assert made.expected_key is None


def test_an_introduction_does_not_change() -> None:
    made = introduction_of(MATCHED, own=b"o" * 64, signer=b"k" * 32)
    with pytest.raises(FrozenInstanceError):
        made.name = "Eve"  # type: ignore[misc]


@pytest.mark.parametrize(("told", "shown"), [("B\u202eob\u200b", "Bob"), ("\u200b", "?"), ("x" * 25, "?")])
def test_a_name_that_a_server_did_not_clean_is_cleaned(told: str, shown: str) -> None:
    matched = msgspec.structs.replace(MATCHED, peer=Peer(told))
    assert introduction_of(matched, own=b"o" * 64, signer=b"k" * 32).name == shown
