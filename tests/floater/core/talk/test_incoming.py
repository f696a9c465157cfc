from typing import Any

import pytest

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkUp
from floater.core.talk.incoming import MAX_UNWRITTEN, Incoming
from floater.core.talk.orders import Say, Send
from floater.core.talk.transfer import (
    AcceptTo,
    BlockWritten,
    CreateFile,
    DiscardFile,
    FileCreated,
    FileStored,
    FinishFile,
    WriteBlock,
    WriteFailed,
)
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.digest import Digest
from tests.helpers.pair import of_follower

ID = of_follower(2)
SHA256 = bytes(range(32))
NUMBERS: dict[str, Any] = {"seq": 9, "received": 0}
COMPLETE = wire.Complete(**NUMBERS, transfer=ID, sha256=SHA256)
ACCEPT = Say(wire.Accept, ID, "sha256")


def failed(code: Code) -> Emit:
    return Emit(api.Failed(ID, api.Error(code.value, "")))


def paused(*, by_you: bool = False, by_peer: bool = False) -> Emit:
    return Emit(api.Paused(ID, by_you=by_you, by_peer=by_peer))


def get(first: int, last: int) -> Send:
    return Send(wire.Get(ID, first, last))


def offered(size: int = 100, content_type: str = "text/plain") -> Incoming:
    incoming = Incoming(1 << 30)
    incoming.link(LinkUp(1, 0), now=0.0)
    offer = wire.Offer(seq=2, received=0, name="a", content_type=content_type, content_length=size)
    assert incoming.offered(ID, offer, b"") == [Emit(api.Offer(ID, "a", content_type, size))]
    return incoming


def making_room(size: int = 100, content_type: str = "text/plain") -> Incoming:
    incoming = offered(size, content_type)
    assert incoming.wished(ID, AcceptTo(ID, "/x"), now=0.0) == [CreateFile(ID, "/x", "a", size)]
    return incoming


def getting(size: int = 100, content_type: str = "text/plain") -> Incoming:
    incoming = making_room(size, content_type)
    wish = [get(0, min(size, 262_144) - 1)] if size else []
    assert incoming.reported(FileCreated(ID), now=0.0) == [ACCEPT, *wish]
    return incoming


def storing() -> Incoming:
    incoming = getting()
    progress = Emit(api.Progress(ID, 100, 100))
    assert incoming.part(ID, 0, bytes(100), rtt=0.1, now=0.0) == [WriteBlock(ID, bytes(100)), progress]
    assert incoming.told(ID, COMPLETE, now=0.0) == [FinishFile(ID, SHA256)]
    return incoming


def test_a_file_is_got_stored_and_told_of() -> None:
    received = Emit(api.Received(ID, "/x/a", f"sha256:{SHA256.hex()}"))
    incoming = storing()
    assert incoming.reported(FileStored(ID, "/x/a"), now=0.0) == [Say(wire.Stored, ID), received]
    assert not incoming.has(ID)


def test_a_file_of_a_sender_that_can_make_blake3_is_checked_by_it() -> None:
    incoming = Incoming(1 << 30)
    incoming.link(LinkUp(1, 0), now=0.0)
    digests = ("later", "sha256", "blake3")
    incoming.offered(ID, wire.Offer(2, 0, "a", "text/plain", 0, content_digests=digests), b"")
    made = incoming.wished(ID, AcceptTo(ID, "/x"), now=0.0)
    assert made == [CreateFile(ID, "/x", "a", 0, Digest.BLAKE3)]
    assert incoming.reported(FileCreated(ID), now=0.0) == [Say(wire.Accept, ID, "blake3")]
    with pytest.raises(RemoteProtocolError) as fault:
        incoming.told(ID, COMPLETE, now=0.0)
    assert fault.value.code is Code.BAD_FIELD
    complete = wire.Complete(**NUMBERS, transfer=ID, sha256=bytes(32), blake3=SHA256)
    assert incoming.told(ID, complete, now=0.0) == [FinishFile(ID, SHA256)]
    received = Emit(api.Received(ID, "/x/a", f"blake3:{SHA256.hex()}"))
    assert incoming.reported(FileStored(ID, "/x/a"), now=0.0) == [Say(wire.Stored, ID), received]


def test_the_last_bytes_may_come_after_the_word_that_they_were_all() -> None:
    incoming = getting()
    assert incoming.told(ID, COMPLETE, now=0.0) == []
    assert incoming.part(ID, 0, bytes(100), rtt=0.1, now=0.0)[-1] == FinishFile(ID, SHA256)


def test_an_empty_file_needs_no_bytes() -> None:
    incoming = getting(0)
    assert incoming.is_expecting
    assert incoming.told(ID, COMPLETE, now=0.0) == [FinishFile(ID, SHA256)]


@pytest.mark.parametrize(
    ("wish", "word", "code"),
    [
        (api.Decline(ID), "declined", Code.YOU_DECLINED),
        (api.Cancel(ID), "cancelled", Code.YOU_CANCELLED),
    ],
)
def test_an_offer_is_declined_also_while_room_is_made(
    wish: api.Decline | api.Cancel, word: str, code: Code
) -> None:
    decline = Say(wire.Decline, ID, word)
    assert offered().wished(ID, wish, now=0.0) == [decline, failed(code)]
    assert making_room().wished(ID, wish, now=0.0) == [decline, DiscardFile(ID), failed(code)]


def test_a_transfer_is_cancelled_until_it_is_stored() -> None:
    gone = [Say(wire.Cancel, ID, "cancelled"), DiscardFile(ID), failed(Code.YOU_CANCELLED)]
    for incoming in (getting(), storing()):
        assert incoming.wished(ID, api.Cancel(ID), now=0.0) == gone


def test_a_pause_before_there_is_room_is_said_with_the_acceptance() -> None:
    incoming = making_room()
    assert incoming.wished(ID, api.Pause(ID), now=0.0) == [paused(by_you=True)]
    assert incoming.reported(FileCreated(ID), now=0.0) == [ACCEPT, Say(wire.Pause, ID)]
    resumed = incoming.wished(ID, api.Resume(ID), now=1.0)
    assert resumed == [Say(wire.Resume, ID), paused(), get(0, 99)]


def test_a_transfer_rests_as_long_as_either_side_wants() -> None:
    incoming = getting(1 << 20)
    assert incoming.wished(ID, api.Pause(ID), now=0.0) == [Say(wire.Pause, ID), paused(by_you=True)]
    both = incoming.told(ID, wire.Pause(**NUMBERS, transfer=ID), now=0.0)
    assert both == [paused(by_you=True, by_peer=True)]
    assert not incoming.is_expecting
    resumed = incoming.wished(ID, api.Resume(ID), now=1.0)
    assert resumed == [Say(wire.Resume, ID), paused(by_peer=True)]
    assert incoming.part(ID, 0, bytes(262_144), rtt=0.1, now=1.0)[1:] == [
        Emit(api.Progress(ID, 262_144, 1 << 20))
    ]
    assert incoming.told(ID, wire.Resume(**NUMBERS, transfer=ID), now=2.0)[0] == paused()


@pytest.mark.parametrize("wish", [AcceptTo(ID, "/x"), api.Decline(ID)])
def test_a_wish_that_comes_too_late_is_refused(wish: AcceptTo | api.Decline) -> None:
    with pytest.raises(Refused) as refused:
        getting().wished(ID, wish, now=0.0)
    assert refused.value.code is Code.TRANSFER_STATE


@pytest.mark.parametrize("message", [COMPLETE, wire.Pause(**NUMBERS, transfer=ID)])
def test_a_word_before_the_acceptance_is_a_fault(message: wire.Complete | wire.Pause) -> None:
    for incoming in (offered(), making_room()):
        with pytest.raises(RemoteProtocolError) as raised:
            incoming.told(ID, message, now=0.0)
        assert raised.value.code is Code.UNEXPECTED


def test_a_second_completion_is_a_fault() -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        storing().told(ID, COMPLETE, now=0.0)
    assert raised.value.code is Code.UNEXPECTED


def test_the_peer_may_cancel_at_any_time() -> None:
    cancel = wire.Cancel(**NUMBERS, transfer=ID, code="file_changed")
    assert offered().told(ID, cancel, now=0.0) == [failed(Code.FILE_CHANGED)]
    assert storing().told(ID, cancel, now=0.0) == [DiscardFile(ID), failed(Code.FILE_CHANGED)]


def test_a_disk_that_fails_ends_the_transfer() -> None:
    report = WriteFailed(ID, Code.DISK_FULL)
    gone = [DiscardFile(ID), failed(Code.DISK_FULL)]
    assert making_room().reported(report, now=0.0) == [Say(wire.Decline, ID, "disk_full"), *gone]
    assert getting().reported(report, now=0.0) == [Say(wire.Cancel, ID, "disk_full"), *gone]


@pytest.mark.parametrize("code", [Code.NO_SUCH_FILE, Code.NOT_WRITABLE, Code.STORAGE_FAILED])
def test_the_peer_learns_that_the_file_cannot_be_kept_and_nothing_of_our_folders(code: Code) -> None:
    report = WriteFailed(ID, code)
    gone = [DiscardFile(ID), failed(code)]
    assert making_room().reported(report, now=0.0) == [Say(wire.Decline, ID, "not_kept"), *gone]
    assert getting().reported(report, now=0.0) == [Say(wire.Cancel, ID, "not_kept"), *gone]


def test_a_report_that_fits_no_state_or_no_transfer_does_nothing() -> None:
    assert getting().reported(FileCreated(ID), now=0.0) == []
    assert getting().reported(FileStored(ID, "/x/a"), now=0.0) == []
    assert getting().reported(BlockWritten(of_follower(9), 1), now=0.0) == []


def test_a_disk_that_lags_behind_holds_the_peer_back() -> None:
    size = 4 * MAX_UNWRITTEN
    incoming = getting(size)
    now, place, block = 0.0, 0, bytes(131_072)
    while place < MAX_UNWRITTEN:
        now += 0.01
        incoming.part(ID, place, block, rtt=0.1, now=now)
        place += len(block)
    assert incoming.deadline is None
    assert incoming.feed(Tick(), now=now + 9.0) == []
    granted = incoming.reported(BlockWritten(ID, place), now=now + 9.0)
    assert [type(effect) for effect in granted] == [Send]
    assert incoming.reported(BlockWritten(ID, place), now=now + 9.0) == []


def test_a_wish_is_extended_only_when_it_is_time() -> None:
    incoming = getting(1 << 20)
    incoming.part(ID, 0, bytes(1_000), rtt=0.1, now=0.1)
    assert incoming.feed(Tick(), now=0.4) == []
    assert incoming.deadline == 0.5
    assert incoming.feed(Tick(), now=0.5) == [get(262_144, 263_143)]


def test_bytes_that_are_not_what_the_type_says_end_the_transfer() -> None:
    gone = [Say(wire.Cancel, ID, "not_what_it_says"), DiscardFile(ID), failed(Code.NOT_WHAT_IT_SAYS)]
    assert getting(100, "image/png").part(ID, 0, b"MZ" * 50, rtt=0.1, now=0.0) == gone
    assert getting(0, "image/png").told(ID, COMPLETE, now=0.0) == gone
