from typing import Any

import pytest

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp, Writable
from floater.core.talk.orders import Say, Send
from floater.core.talk.outgoing import Outgoing
from floater.core.talk.transfer import BlockRead, CloseFile, OfferFile, ReadBlock, ReadFailed
from floater.errors import Refused, RemoteProtocolError
from floater.wire import talk as wire
from floater.wire.digest import Digest
from floater.wire.limits import MAX_OPEN_OFFERS
from tests.helpers.pair import of_leader

ID = of_leader(2)
DIGEST = bytes(range(32))
NUMBERS: dict[str, Any] = {"seq": 9, "received": 0}
ACCEPT = wire.Accept(**NUMBERS, transfer=ID)
STORED = wire.Stored(**NUMBERS, transfer=ID)
PAUSE, RESUME = wire.Pause(**NUMBERS, transfer=ID), wire.Resume(**NUMBERS, transfer=ID)
WHOLE = [Emit(api.Progress(ID, 100, 100)), CloseFile(1), Emit(api.Sent(ID))]


def failed(code: Code) -> Emit:
    return Emit(api.Failed(ID, api.Error(code.value, "")))


def paused(*, by_you: bool = False, by_peer: bool = False) -> Emit:
    return Emit(api.Paused(ID, by_you=by_you, by_peer=by_peer))


def part(first: int, size: int) -> Send:
    return Send(wire.Part(ID, first), bytes(size), bulk=True)


def offered(size: int = 100) -> Outgoing:
    outgoing = Outgoing()
    outgoing.link(LinkUp(1, 0))
    assert outgoing.offer(ID, OfferFile(1, "a", "b/c", size)) == [
        Emit(api.Offered(ID, "a", "b/c", size)),
        Say(wire.Offer, "a", "b/c", size, None, ("blake3", "sha256"), body=b""),
    ]
    return outgoing


def sending(size: int = 100) -> Outgoing:
    outgoing = offered(size)
    assert outgoing.told(ID, ACCEPT, now=0.0) == [Emit(api.Accepted(ID))]
    return outgoing


def checking() -> Outgoing:
    outgoing = sending()
    assert outgoing.get(ID, 0, 99, now=0.0) == [ReadBlock(1, 0, 100)]
    assert outgoing.reported(BlockRead(1, 0, bytes(100), DIGEST), now=0.0) == [
        part(0, 100),
        Say(wire.Complete, ID, DIGEST),
        Emit(api.Progress(ID, 100, 100)),
    ]
    return outgoing


def test_a_file_is_offered_sent_and_told_of() -> None:
    outgoing = checking()
    assert outgoing.is_expecting
    assert outgoing.told(ID, STORED, now=0.0) == WHOLE
    assert not outgoing.has(ID)


def test_an_offer_has_a_preview() -> None:
    preview = api.Preview(2, 1, b"abcdef")
    assert Outgoing().offer(ID, OfferFile(1, "a.png", "image/png", 9, preview)) == [
        Emit(api.Offered(ID, "a.png", "image/png", 9, preview)),
        Say(wire.Offer, "a.png", "image/png", 9, (2, 1), ("blake3", "sha256"), body=b"abcdef"),
    ]


def test_no_more_than_so_many_are_offered() -> None:
    outgoing = Outgoing()
    for number in range(MAX_OPEN_OFFERS):
        outgoing.offer(of_leader(number + 1), OfferFile(number, "a", "b/c", 1))
    with pytest.raises(Refused) as refused:
        outgoing.offer(of_leader(99), OfferFile(99, "a", "b/c", 1))
    assert refused.value.code is Code.OUTBOX_FULL


def test_an_empty_file_is_read_for_its_digest() -> None:
    outgoing = offered(0)
    assert outgoing.told(ID, ACCEPT, now=0.0) == [Emit(api.Accepted(ID)), ReadBlock(1, 0, 0)]
    complete = outgoing.reported(BlockRead(1, 0, b"", DIGEST), now=0.0)
    assert complete == [Say(wire.Complete, ID, DIGEST)]


def test_one_part_at_a_time_goes_out() -> None:
    outgoing = sending(1_000_000)
    outgoing.get(ID, 0, 99_999, now=0.0)
    first = outgoing.reported(BlockRead(1, 0, bytes(1_000_000), DIGEST), now=0.0)
    assert first == [part(0, 16_384), Emit(api.Progress(ID, 16_384, 1_000_000))]
    assert outgoing.get(ID, 100_000, 199_999, now=0.0) == []
    assert outgoing.feed(Writable(2), now=0.0) == []
    assert outgoing.feed(Writable(1), now=0.0) == [part(16_384, 16_384)]


def test_after_a_change_of_links_the_receiver_asks_again() -> None:
    outgoing = sending()
    outgoing.get(ID, 0, 99, now=0.0)
    outgoing.link(LinkDown(1))
    assert outgoing.reported(BlockRead(1, 0, bytes(100), DIGEST), now=0.0) == []
    outgoing.link(LinkUp(2, 0))
    assert outgoing.feed(Writable(2), now=0.0) == []
    assert outgoing.get(ID, 0, 99, now=1.0)[0] == part(0, 100)


def test_bytes_that_were_lost_are_sent_again_but_completed_once() -> None:
    outgoing = checking()
    outgoing.link(LinkUp(2, 0))
    assert outgoing.get(ID, 50, 99, now=1.0) == [ReadBlock(1, 50, 50)]
    again = outgoing.reported(BlockRead(1, 50, bytes(50), DIGEST), now=1.0)
    assert again == [part(50, 50), Emit(api.Progress(ID, 100, 100))]


def test_a_receiver_that_goes_back_waits_for_what_is_being_read() -> None:
    outgoing = sending()
    assert outgoing.get(ID, 0, 99, now=0.0) == [ReadBlock(1, 0, 100)]
    assert [outgoing.get(ID, 0, 49, now=0.0), outgoing.get(ID, 0, 99, now=0.0)] == [[], []]
    assert outgoing.reported(BlockRead(1, 0, bytes(100), DIGEST), now=0.0) == [ReadBlock(1, 0, 100)]


def test_either_side_lets_it_rest() -> None:
    outgoing = sending()
    outgoing.get(ID, 0, 99, now=0.0)
    assert outgoing.wished(ID, api.Pause(ID), now=0.0) == [Say(wire.Pause, ID), paused(by_you=True)]
    assert outgoing.told(ID, PAUSE, now=0.0) == [paused(by_you=True, by_peer=True)]
    assert outgoing.reported(BlockRead(1, 0, bytes(100), DIGEST), now=0.0) == []
    assert not outgoing.is_expecting
    assert outgoing.wished(ID, api.Resume(ID), now=0.0) == [Say(wire.Resume, ID), paused(by_peer=True)]
    assert outgoing.told(ID, RESUME, now=0.0)[:2] == [paused(), part(0, 100)]


def test_a_pause_that_crossed_the_last_bytes_changes_nothing() -> None:
    outgoing = checking()
    for message in (PAUSE, RESUME):
        assert outgoing.told(ID, message, now=0.0) == []
    assert outgoing.told(ID, STORED, now=0.0) == WHOLE


@pytest.mark.parametrize("message", [STORED, PAUSE, RESUME])
def test_a_word_before_the_acceptance_is_a_fault(message: wire.Stored | wire.Pause | wire.Resume) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        offered().told(ID, message, now=0.0)
    assert raised.value.code is Code.UNEXPECTED


def test_a_second_acceptance_and_a_wish_before_the_first_are_faults() -> None:
    with pytest.raises(RemoteProtocolError):
        sending().told(ID, ACCEPT, now=0.0)
    with pytest.raises(RemoteProtocolError) as raised:
        offered().get(ID, 0, 9, now=0.0)
    assert raised.value.code is Code.UNEXPECTED


def test_the_peer_may_decline_an_offer_and_cancel_a_transfer() -> None:
    decline = wire.Decline(**NUMBERS, transfer=ID, code="disk_full")
    cancel = wire.Cancel(**NUMBERS, transfer=ID, code="nonsense")
    not_kept = wire.Decline(**NUMBERS, transfer=ID, code="not_kept")
    assert offered().told(ID, decline, now=0.0) == [CloseFile(1), failed(Code.DISK_FULL)]
    assert offered().told(ID, not_kept, now=0.0) == [CloseFile(1), failed(Code.NOT_KEPT)]
    assert checking().told(ID, cancel, now=0.0) == [CloseFile(1), failed(Code.CANCELLED)]


@pytest.mark.parametrize("wish", [api.Pause(ID), api.Resume(ID)])
def test_what_is_not_sent_cannot_rest(wish: api.Pause | api.Resume) -> None:
    for outgoing in (offered(), checking()):
        with pytest.raises(Refused) as refused:
            outgoing.wished(ID, wish, now=0.0)
        assert refused.value.code is Code.TRANSFER_STATE


def test_our_person_may_cancel_at_any_time() -> None:
    for outgoing in (offered(), sending(), checking()):
        gone = outgoing.wished(ID, api.Cancel(ID), now=0.0)
        assert gone == [Say(wire.Cancel, ID, "cancelled"), CloseFile(1), failed(Code.YOU_CANCELLED)]


def test_a_file_that_cannot_be_read_on_is_given_up_once() -> None:
    outgoing = sending()
    report = ReadFailed(1, Code.FILE_CHANGED)
    gone = [Say(wire.Cancel, ID, "file_changed"), CloseFile(1), failed(Code.FILE_CHANGED)]
    assert outgoing.reported(report, now=0.0) == gone
    assert outgoing.reported(report, now=0.0) == []


def test_several_take_turns() -> None:
    outgoing = sending(1_000_000)
    other = of_leader(3)
    outgoing.offer(other, OfferFile(2, "b", "b/c", 1_000_000))
    outgoing.told(other, wire.Accept(**NUMBERS, transfer=other), now=0.0)
    outgoing.get(ID, 0, 99_999, now=0.0)
    outgoing.get(other, 0, 99_999, now=0.0)
    turns = [outgoing.reported(BlockRead(file, 0, bytes(1_000_000), DIGEST), now=0.0) for file in (1, 2)]
    turns += [outgoing.feed(Writable(1), now=0.0) for _ in range(3)]
    sent = [effect.message for turn in turns for effect in turn if isinstance(effect, Send)]
    assert sent == [wire.Part(id_, first) for first in (0, 16_384) for id_ in (ID, other)]


@pytest.mark.parametrize("size", [0, 100])
def test_the_receiver_chooses_the_digest(size: int) -> None:
    outgoing = offered(size)
    accept = wire.Accept(**NUMBERS, transfer=ID, content_digest="blake3")
    effects = outgoing.told(ID, accept, now=0.0)
    if size:
        effects += outgoing.get(ID, 0, size - 1, now=0.0)
    assert effects == [Emit(api.Accepted(ID)), ReadBlock(1, 0, size, Digest.BLAKE3)]
    sent = outgoing.reported(BlockRead(1, 0, bytes(size), DIGEST), now=0.0)
    assert Say(wire.Complete, ID, None, DIGEST) in sent


@pytest.mark.parametrize("word", ["", "md5", "BLAKE3"])
def test_a_digest_that_was_not_offered_is_a_fault(word: str) -> None:
    with pytest.raises(RemoteProtocolError) as fault:
        offered().told(ID, wire.Accept(**NUMBERS, transfer=ID, content_digest=word), now=0.0)
    assert fault.value.code is Code.BAD_FIELD
