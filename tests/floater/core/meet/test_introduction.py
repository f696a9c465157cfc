from floater.core.meet.introduction import Introduction, Relay, TicketProof, introduction_of
from floater.wire.control import Matched, Peer, Role
from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.nat import UNKNOWN_NAT


def test_everything_that_the_server_says_of_a_match_is_taken_over() -> None:
    place = Candidate(CandidateKind.PUBLIC, "198.51.100.2", 4_000)
    matched = Matched(
        match_id="m1",
        role=Role.FOLLOWER,
        peer=Peer("Bob"),
        certificate=b"c" * 64,
        ticket=b"ticket",
        signature=b"s" * 64,
        relay_token=b"token",
        candidates=(place,),
        relay_only=True,
    )
    assert introduction_of(matched, own=b"own", signer=b"k" * 32) == Introduction(
        match_id="m1",
        role=Role.FOLLOWER,
        name="Bob",
        own=b"own",
        certificate=b"c" * 64,
        proof=TicketProof(b"ticket", b"s" * 64, b"k" * 32),
        expected_key=None,
        candidates=(place,),
        nat=UNKNOWN_NAT,
        relay=Relay(b"token", ""),
        hides=True,
    )
