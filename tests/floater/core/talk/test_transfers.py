from typing import Any

import pytest

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp, Writable
from floater.core.talk.inflow import GET_INTERVAL
from floater.core.talk.orders import Say, Send
from floater.core.talk.transfer import (
    AcceptTo,
    BlockRead,
    CloseFile,
    CreateFile,
    FileCreated,
    OfferFile,
    ReadBlock,
    ReadFailed,
    WriteFailed,
)
from floater.core.talk.transfers import Transfers
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.limits import MAX_FILE
from tests.helpers.pair import FOLLOWER, LEADER, of_follower, of_leader

OURS, THEIRS = of_leader(3), of_follower(7)
STRANGE = f"{'5' * 16}.3"
OFFER = wire.Offer(seq=7, received=0, name="b.txt", content_type="text/plain", content_length=100)
NUMBERS: dict[str, Any] = {"seq": 9, "received": 0}


def files() -> Transfers:
    """One file in each direction is offered; link 1 is in use."""
    transfers = Transfers(LEADER, FOLLOWER, 1_000)
    transfers.feed(LinkUp(1, 0), now=0.0)
    id_, offered = transfers.offer(3, OfferFile(1, "a.txt", "text/plain", 100))
    assert id_ == OURS
    assert offered == [
        Emit(api.Offered(OURS, "a.txt", "text/plain", 100)),
        Say(wire.Offer, "a.txt", "text/plain", 100, None, ("blake3", "sha256"), body=b""),
    ]
    told = transfers.told(OFFER, b"", now=0.0)
    assert told == [Emit(api.Offer(THEIRS, "b.txt", "text/plain", 100))]
    return transfers


def test_each_word_goes_to_the_direction_of_its_file() -> None:
    transfers = files()
    expecting = [transfers.is_expecting]
    assert transfers.wished(AcceptTo(THEIRS, "/x"), now=0.0) == [CreateFile(THEIRS, "/x", "b.txt", 100)]
    accept, get = Say(wire.Accept, THEIRS, "sha256"), Send(wire.Get(THEIRS, 0, 99))
    assert transfers.feed(FileCreated(THEIRS), now=0.0) == [accept, get]
    expecting.append(transfers.is_expecting)
    assert expecting == [False, True]
    assert transfers.told(wire.Accept(**NUMBERS, transfer=OURS), b"", now=0.0) == [Emit(api.Accepted(OURS))]
    wished = transfers.bulk(wire.Get(OURS, 0, 99), b"", rtt=0.0, now=0.0)
    assert wished == [ReadBlock(1, 0, 100)]
    sent = transfers.feed(BlockRead(1, 0, bytes(100), b"digest"), now=0.0)
    assert sent[:2] == [
        Send(wire.Part(OURS, 0), bytes(100), bulk=True),
        Say(wire.Complete, OURS, b"digest"),
    ]
    paused = transfers.told(wire.Pause(**NUMBERS, transfer=THEIRS), b"", now=0.0)
    assert paused == [Emit(api.Paused(THEIRS, by_you=False, by_peer=True))]
    assert transfers.feed(Writable(1), now=0.0) == []
    assert transfers.bulk(wire.Part(THEIRS, 0), bytes(50), rtt=0.0, now=0.0)
    assert transfers.told(wire.Stored(**NUMBERS, transfer=OURS), b"", now=1.0)[-1] == Emit(api.Sent(OURS))


def test_another_link_concerns_both_directions() -> None:
    transfers = files()
    transfers.wished(AcceptTo(THEIRS, "/x"), now=0.0)
    transfers.feed(FileCreated(THEIRS), now=0.0)
    transfers.bulk(wire.Part(THEIRS, 0), bytes(10), rtt=0.0, now=0.0)
    assert transfers.feed(LinkDown(1), now=1.0) == []
    assert transfers.deadline is None
    assert transfers.feed(LinkUp(2, 0), now=2.0) == [Send(wire.Get(THEIRS, 10, 99))]


def test_a_wish_is_extended_in_time() -> None:
    transfers = Transfers(LEADER, FOLLOWER, 1 << 30)
    transfers.feed(LinkUp(1, 0), now=0.0)
    large = wire.Offer(seq=7, received=0, name="b", content_type="text/plain", content_length=1 << 20)
    transfers.told(large, b"", now=0.0)
    transfers.wished(AcceptTo(THEIRS, "/x"), now=0.0)
    transfers.feed(FileCreated(THEIRS), now=0.0)
    deadlines = [transfers.deadline]
    transfers.bulk(wire.Part(THEIRS, 0), bytes(10), rtt=0.0, now=0.1)
    assert [*deadlines, transfers.deadline] == [None, GET_INTERVAL]
    assert transfers.feed(Tick(), now=GET_INTERVAL) == [Send(wire.Get(THEIRS, 262_144, 262_153))]


def test_reports_of_the_store_go_to_the_direction_of_their_file() -> None:
    transfers = files()
    failed = transfers.feed(ReadFailed(1, Code.FILE_CHANGED), now=0.0)
    assert failed[0] == Say(wire.Cancel, OURS, "file_changed")
    transfers.wished(AcceptTo(THEIRS, "/x"), now=0.0)
    failed = transfers.feed(WriteFailed(THEIRS, Code.DISK_FULL), now=0.0)
    assert failed[0] == Say(wire.Decline, THEIRS, "disk_full")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (api.Pause(STRANGE), Code.NO_SUCH_TRANSFER),
        (AcceptTo("", "/x"), Code.NO_SUCH_TRANSFER),
        (AcceptTo(OURS, "/x"), Code.TRANSFER_STATE),
        (api.Decline(OURS), Code.TRANSFER_STATE),
        (api.Pause(OURS), Code.TRANSFER_STATE),
    ],
)
def test_a_wish_for_what_is_not_there_is_refused(
    wish: AcceptTo | api.Decline | api.Pause, code: Code
) -> None:
    with pytest.raises(Refused) as refused:
        files().wished(wish, now=0.0)
    assert refused.value.code is code


def test_our_own_offer_may_be_taken_back() -> None:
    gone = files().wished(api.Cancel(OURS), now=0.0)
    assert gone[:2] == [Say(wire.Cancel, OURS, "cancelled"), CloseFile(1)]


def test_no_larger_file_than_the_protocol_counts_is_offered() -> None:
    with pytest.raises(Refused) as refused:
        files().offer(4, OfferFile(2, "a", "b/c", MAX_FILE + 1))
    assert refused.value.code is Code.FILE_TOO_LARGE


@pytest.mark.parametrize(
    "message",
    [
        wire.Accept(**NUMBERS, transfer=THEIRS),  # the peer's own
        wire.Stored(**NUMBERS, transfer=of_leader(4)),  # never offered
        wire.Complete(**NUMBERS, transfer=OURS, sha256=bytes(32)),
        wire.Cancel(**NUMBERS, transfer=STRANGE),  # of neither
    ],
)
def test_what_the_peer_says_of_a_file_that_is_not_open_is_refused(message: Any) -> None:
    refusal = Say(wire.Refuse, 9, "no_such_transfer")
    assert files().told(message, b"", now=0.0) == [refusal]


@pytest.mark.parametrize(
    "message",
    [
        wire.Get(THEIRS, 0, 1),
        wire.Get(STRANGE, 0, 1),
        wire.Part(OURS, 0),
        wire.Part(STRANGE, 0),
    ],
)
def test_bytes_of_a_file_that_its_author_did_not_offer_are_a_fault(message: wire.Get | wire.Part) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        files().bulk(message, b"x", rtt=0.0, now=0.0)
    assert raised.value.code is Code.UNEXPECTED


def test_bytes_that_crossed_the_end_of_their_file_are_ignored() -> None:
    transfers = files()
    assert transfers.bulk(wire.Part(of_follower(99), 0), b"x", rtt=0.0, now=0.0) == []
    assert transfers.bulk(wire.Get(of_leader(99), 0, 1), b"", rtt=0.0, now=0.0) == []


def test_an_offer_that_the_peer_refuses_has_failed() -> None:
    transfers = files()
    refusal = wire.Refuse(**NUMBERS, of=3, code="outbox_full")
    failed = Emit(api.Failed(OURS, api.Error("outbox_full", "")))
    assert transfers.refused(refusal, now=0.0) == [CloseFile(1), failed]
    assert transfers.refused(refusal, now=0.0) == []


def test_an_accepted_offer_cannot_be_refused() -> None:
    transfers = files()
    transfers.told(wire.Accept(**NUMBERS, transfer=OURS), b"", now=0.0)
    with pytest.raises(RemoteProtocolError) as raised:
        transfers.refused(wire.Refuse(**NUMBERS, of=3, code="outbox_full"), now=0.0)
    assert raised.value.code is Code.UNEXPECTED


def test_the_end_gives_all_up() -> None:
    ended = api.Error("talk_ended", "")
    transfers = files()
    assert transfers.end() == [
        CloseFile(1),
        Emit(api.Failed(OURS, ended)),
        Emit(api.Failed(THEIRS, ended)),
    ]
    assert transfers.end() == []
