import time

import pytest

from floater.codes import Code
from floater.core.meet.introduction import introduction_of
from floater.crypto.certificate import make_certified_key
from floater.errors import RemoteProtocolError
from floater.net.proof import credentials_for
from tests.helpers.meeting import MatchMaker


def test_a_good_proof_becomes_what_all_links_prove_and_demand() -> None:
    maker, leader, follower = MatchMaker(), make_certified_key(), make_certified_key()
    for own, peer, matched in zip(
        (leader, follower), (follower, leader), maker.match(leader, follower), strict=True
    ):
        made = credentials_for(
            introduction_of(matched, own=own.certificate, signer=maker.ticket_key), own, time.time
        )
        assert made.role is matched.role
        assert made.peer_certificate == peer.certificate
        assert (made.ticket, made.signature) == (matched.ticket, matched.signature)


def test_another_server_s_signature_or_another_time_is_no_proof() -> None:
    maker, leader, follower = MatchMaker(), make_certified_key(), make_certified_key()
    matched, _ = maker.match(leader, follower)
    for signer, clock in (
        (MatchMaker().ticket_key, time.time),
        (maker.ticket_key, lambda: time.time() + 3_600.0),
    ):
        with pytest.raises(RemoteProtocolError) as caught:
            credentials_for(introduction_of(matched, own=leader.certificate, signer=signer), leader, clock)
        assert caught.value.code is Code.BAD_TICKET
