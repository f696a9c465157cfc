import random

import pytest

from floater import api
from floater.codes import Code
from floater.core.link import Arrived
from floater.core.talk.inflow import MAX_WINDOW, MIN_WINDOW, QUEUE_TIME
from floater.core.talk.outflow import FIRST_PART
from floater.core.talk.talk import AcceptTo, TalkConfig, Wish
from floater.core.talk.transfer import OfferFile, ReadFailed
from floater.errors import Refused, RemoteProtocolError
from floater.wire import talk as wire
from floater.wire.limits import MAX_FILE, MAX_OPEN_OFFERS, MAX_PART
from tests.helpers.pair import Pair, Side, of_follower, of_leader

DATA = random.Random(2).randbytes(3_000_000)


def failed(transfer: str, code: Code) -> api.Failed:
    return api.Failed(transfer, api.Error(code.value, ""))


def accepted(pair: Pair, data: bytes = DATA, name: str = "a.bin", content_type: str = "text/plain") -> str:
    """The leader offers a file and the follower accepts it, but nothing has happened since."""
    transfer = pair.leader.offer(data, name, content_type)
    pair.run(1.0)
    pair.follower.feed(AcceptTo(transfer, "/downloads"))
    return transfer


def sent(side: Side) -> bool:
    return bool(side.told(api.Sent))


# -- the good way -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 16_384, MAX_PART, MAX_PART + 1, len(DATA)])
def test_an_accepted_file_arrives_whole(size: int) -> None:
    pair = Pair()
    transfer = accepted(pair, DATA[:size])
    pair.run(5.0)
    assert pair.follower.disk.stored == {transfer: DATA[:size]}
    assert pair.leader.told(api.Sent) == [api.Sent(transfer)]
    (received,) = pair.follower.told(api.Received)
    assert (received.transfer_id, received.path) == (transfer, f"/{transfer}")
    assert pair.leader.disk.sources == {}
    assert pair.follower.told(api.Failed) == pair.leader.told(api.Failed) == []
    last = [side.told(api.Progress)[-1:] for side in pair.sides]
    whole = api.Progress(transfer, size, size)
    assert last == ([[whole], [whole]] if size else [[whole], []])


def test_nothing_is_sent_before_it_is_accepted() -> None:
    pair = Pair()
    pair.leader.offer(DATA)
    pair.run(30.0)
    assert pair.parts() == []
    assert pair.follower.disk.parts == {}


def test_progress_is_told_ten_times_a_second_at_most() -> None:
    pair = Pair(pace=1e6)
    accepted(pair)
    pair.run(10.0)
    for side in pair.sides:
        told = side.told(api.Progress)
        assert 20 <= len(told) <= 36
        assert [event.bytes for event in told] == sorted({event.bytes for event in told})


def test_many_files_pass_at_once_in_both_directions() -> None:
    pair = Pair(pace=20e6)
    files = [accepted(pair, DATA[at:]) for at in range(5)]
    theirs = pair.follower.offer(DATA)
    pair.run(0.1)
    pair.leader.feed(AcceptTo(theirs, "/downloads"))
    pair.run(20.0)
    assert pair.follower.disk.stored == {file: DATA[at:] for at, file in enumerate(files)}
    assert pair.leader.disk.stored == {theirs: DATA}


def test_files_take_turns() -> None:
    pair = Pair(pace=1e6)
    accepted(pair)
    pair.run(0.1)
    small = pair.leader.offer(DATA[:200_000])
    pair.run(1.0)
    pair.follower.feed(AcceptTo(small, "/downloads"))
    pair.run(10.0)
    assert pair.leader.told(api.Sent)[0] == api.Sent(small)


# -- pace ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("pace", "wait"), [(50e3, 2.0), (500e3, 0.5), (5e6, 0.4)])
def test_a_text_overtakes_a_file(pace: float, wait: float) -> None:
    pair = Pair(pace=pace, latency=0.05)
    accepted(pair)
    pair.run(5.0 if pace < 1e6 else 0.4)
    assert not sent(pair.leader)
    began = pair.clock.now
    pair.leader.feed(api.SendText("quick"))
    pair.run(10.0, until=lambda: pair.follower.texts)
    assert pair.clock.now - began < wait


@pytest.mark.parametrize(("pace", "latency"), [(2.5e6, 0.04), (2.5e6, 0.15), (250e3, 0.04)])
def test_a_text_does_not_wait_long_behind_a_file_in_deep_buffers(pace: float, latency: float) -> None:
    pair = Pair(pace=pace, latency=latency, buffer=1 << 30)
    accepted(pair, bytes(int(12 * pace)))
    pair.run(6.0)
    waits = []
    for number in range(20):
        began, told = pair.clock.now, len(pair.follower.texts)
        pair.leader.feed(api.SendText(f"{number}"))
        pair.run(10.0, until=lambda: len(pair.follower.texts) > told)  # noqa: B023  # called at once
        waits.append(pair.clock.now - began - latency)
        pair.run(0.1)
    assert not sent(pair.leader)
    assert max(waits) < 1.2 * max(QUEUE_TIME, latency / 2) + MIN_WINDOW / pace


def test_on_another_link_words_are_answered_before_a_file_goes_on() -> None:
    """However fast the last link was, and though the words come at the same moment as the wish for bytes."""
    pair = Pair(pace=500e6, latency=0.0005)
    accepted(pair, DATA * 50)
    pair.run(0.3)
    assert max(pair.parts()) == MAX_PART
    pair.cut()
    for number in range(5):
        pair.follower.feed(api.SendText(f"{number}"))
    pair.pace = 250e3
    pair.latency = 0.04
    pair.switch()
    began = pair.clock.now
    pair.run(5.0, until=lambda: len(pair.follower.told(api.Delivered)) == 5)
    assert pair.clock.now - began < 4 * pair.latency + 0.05
    pair.run(1.0)
    assert pair.parts()[0] <= FIRST_PART


@pytest.mark.search
@pytest.mark.parametrize("latency", [0.0005, 0.04, 0.15, 0.4])
def test_a_file_fills_the_link(latency: float) -> None:
    pair = Pair(pace=10e6, latency=latency)
    data = random.Random(3).randbytes(60_000_000)
    began = pair.clock.now
    accepted(pair, data)
    pair.run(60.0, until=lambda: sent(pair.leader))
    took = pair.clock.now - began - 1.0
    assert took < 60e6 / 10e6 * 1.1 + 12 * 2 * latency + 0.5


def test_a_slow_link_is_not_suspected() -> None:
    pair = Pair(pace=20e3, latency=0.3)
    accepted(pair, DATA[:1_000_000])
    pair.run(120.0, until=lambda: sent(pair.leader))
    assert pair.leader.suspects == pair.follower.suspects == []


def test_parts_grow_with_the_pace() -> None:
    pair = Pair(pace=500e6, latency=0.0005)
    accepted(pair, DATA * 5)
    pair.run(5.0)
    assert max(pair.parts()) == MAX_PART
    slow = Pair(pace=100e3, latency=0.05)
    accepted(slow)
    slow.run(10.0)
    assert max(slow.parts()) <= 16_384


def test_a_slow_disk_holds_the_sender_back() -> None:
    pair = Pair(pace=1e9, latency=0.0005)
    pair.follower.disk.delay = 5.0
    data = bytes(60_000_000)
    accepted(pair, data)
    pair.run(4.0)
    assert sum(pair.parts()) <= 16_777_216 + MAX_WINDOW
    pair.run(60.0, until=lambda: sent(pair.leader))


# -- rest, and the end --------------------------------------------------------------------


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_either_side_lets_a_transfer_rest(who: str) -> None:
    pair = Pair(pace=1e6)
    side = pair.leader if who == "leader" else pair.follower
    other = pair.follower if who == "leader" else pair.leader
    transfer = accepted(pair)
    pair.run(0.5)
    side.feed(api.Pause(transfer))
    pair.run(1.0)
    count = len(pair.parts())
    assert 0 < sum(pair.parts()) < len(DATA)
    assert side.told(api.Paused) == [api.Paused(transfer, by_you=True, by_peer=False)]
    assert other.told(api.Paused) == [api.Paused(transfer, by_you=False, by_peer=True)]
    with pytest.raises(Refused) as refused:
        side.feed(api.Pause(transfer))
    assert refused.value.code is Code.TRANSFER_STATE
    other.feed(api.Pause(transfer))
    pair.run(60.0)
    side.feed(api.Resume(transfer))
    pair.run(60.0)
    assert len(pair.parts()) == count
    assert side.told(api.Paused)[-1] == api.Paused(transfer, by_you=False, by_peer=True)
    assert pair.leader.suspects == pair.follower.suspects == []
    other.feed(api.Resume(transfer))
    pair.run(10.0)
    assert pair.follower.disk.stored == {transfer: DATA}
    assert sum(pair.parts()) == len(DATA)


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_either_side_gives_a_transfer_up(who: str) -> None:
    pair = Pair(pace=1e6)
    transfer = accepted(pair)
    pair.run(0.5)
    one, other = (pair.leader, pair.follower) if who == "leader" else (pair.follower, pair.leader)
    one.feed(api.Cancel(transfer))
    pair.run(5.0)
    assert one.told(api.Failed) == [failed(transfer, Code.YOU_CANCELLED)]
    assert other.told(api.Failed) == [failed(transfer, Code.CANCELLED)]
    assert pair.leader.disk.sources == {}
    assert pair.follower.disk.parts == pair.follower.disk.stored == {}


def test_both_give_a_transfer_up_at_once() -> None:
    pair = Pair(pace=1e6)
    transfer = accepted(pair)
    pair.run(0.5)
    for side in pair.sides:
        side.feed(api.Cancel(transfer))
    pair.run(5.0)
    for side in pair.sides:
        assert side.told(api.Failed) == [failed(transfer, Code.YOU_CANCELLED)]


def test_a_declined_file_is_over_for_both() -> None:
    pair = Pair()
    transfer = pair.leader.offer(DATA)
    pair.run(1.0)
    pair.follower.feed(api.Decline(transfer))
    pair.run(1.0)
    assert pair.leader.told(api.Failed) == [failed(transfer, Code.DECLINED)]
    assert pair.follower.told(api.Failed) == [failed(transfer, Code.YOU_DECLINED)]
    assert pair.follower.disk.parts == {}
    assert pair.leader.disk.sources == {}
    with pytest.raises(Refused) as refused:
        pair.follower.feed(AcceptTo(transfer, ""))
    assert refused.value.code is Code.NO_SUCH_TRANSFER


def test_an_offer_is_taken_back() -> None:
    pair = Pair()
    transfer = pair.leader.offer(DATA)
    pair.leader.feed(api.Cancel(transfer))
    pair.run(1.0)
    assert pair.follower.told(api.Failed) == [failed(transfer, Code.CANCELLED)]


def test_wishes_that_do_not_fit_the_state_are_refused() -> None:
    pair = Pair(pace=1e6)
    transfer = pair.leader.offer(DATA)
    pair.run(1.0)
    too_early: list[tuple[Side, list[Wish]]] = [
        (
            pair.leader,
            [AcceptTo(transfer, ""), api.Decline(transfer), api.Pause(transfer), api.Resume(transfer)],
        ),
        (pair.follower, [api.Pause(transfer), api.Resume(transfer)]),
    ]
    for side, wishes in too_early:
        for wish in wishes:
            with pytest.raises(Refused) as refused:
                side.feed(wish)
            assert refused.value.code is Code.TRANSFER_STATE
    pair.follower.feed(AcceptTo(transfer, "/downloads"))
    pair.run(0.5)
    for again in (AcceptTo(transfer, ""), api.Decline(transfer), api.Resume(transfer)):
        with pytest.raises(Refused) as refused:
            pair.follower.feed(again)
        assert refused.value.code is Code.TRANSFER_STATE


# -- what does not go well ----------------------------------------------------------------


def test_without_room_on_the_disk_not_a_byte_is_asked_for() -> None:
    pair = Pair()
    pair.follower.disk.room = 1_000
    transfer = accepted(pair)
    pair.run(1.0)
    assert pair.parts() == []
    for side in pair.sides:
        assert side.told(api.Failed) == [failed(transfer, Code.DISK_FULL)]


def test_a_file_that_cannot_be_read_on_is_given_up() -> None:
    pair = Pair(pace=1e6)
    transfer = accepted(pair)
    pair.run(0.5)
    pair.leader.feed(ReadFailed(1, Code.FILE_CHANGED))
    pair.leader.feed(ReadFailed(1, Code.FILE_CHANGED))
    pair.run(1.0)
    for side in pair.sides:
        assert side.told(api.Failed) == [failed(transfer, Code.FILE_CHANGED)]
    assert pair.follower.disk.parts == {}


def test_damage_is_found_by_the_receiver() -> None:
    pair = Pair(pace=1e6)
    transfer = accepted(pair)
    pair.run(0.5)
    pair.follower.disk.parts[transfer][5] ^= 1
    pair.run(10.0)
    for side in pair.sides:
        assert side.told(api.Failed) == [failed(transfer, Code.FILE_DAMAGED)]


@pytest.mark.parametrize("data", [b"", b"MZ", b"MZ" + bytes(100_000), b"GIF89a" + bytes(100)])
def test_an_image_that_is_none_is_given_up(data: bytes) -> None:
    pair = Pair()
    transfer = accepted(pair, data, "cat.png", "image/png")
    pair.run(5.0)
    for side in pair.sides:
        assert side.told(api.Failed) == [failed(transfer, Code.NOT_WHAT_IT_SAYS)]
    assert pair.follower.disk.parts == pair.follower.disk.stored == {}


def test_an_image_that_is_one_passes() -> None:
    pair = Pair()
    accepted(pair, b"\x89PNG\r\n\x1a\n" + DATA, "cat.png", "image/png")
    pair.run(5.0)
    assert sent(pair.leader)


def test_names_and_types_are_cleaned_and_nothing_too_large_is_shown() -> None:
    pair = Pair(config=TalkConfig(max_file=10))
    transfer = pair.leader.offer(b"x", "../../\u202eevil.png", "image/svg+xml")
    large = [pair.leader.offer(bytes(11)) for _ in range(3)]  # told of once
    pair.run(1.0)
    assert pair.follower.events == [
        api.Offer(transfer, "evil.png", "application/octet-stream", 1),
        api.Notice("file_too_large", ""),
    ]
    assert pair.leader.told(api.Failed) == [failed(id_, Code.FILE_TOO_LARGE) for id_ in large]


def test_a_preview_travels_with_the_offer() -> None:
    pair = Pair()
    preview = api.Preview(2, 1, b"abcdef")
    pair.leader.disk.sources[9] = b"x"
    pair.leader.feed(OfferFile(9, "a.png", "image/png", 1, preview))
    pair.run(1.0)
    assert pair.follower.events == [api.Offer(of_leader(2), "a.png", "image/png", 1, preview)]


def test_there_is_a_limit_to_open_offers() -> None:
    pair = Pair()
    offers = [pair.leader.offer(b"x") for _ in range(MAX_OPEN_OFFERS)]
    with pytest.raises(Refused) as refused:
        pair.leader.offer(b"y")
    assert refused.value.code is Code.OUTBOX_FULL
    pair.run(1.0)
    pair.follower.feed(api.Decline(offers[0]))
    pair.run(1.0)
    pair.leader.offer(b"z")
    with pytest.raises(Refused) as refused:
        pair.leader.feed(OfferFile(99, "a", "b/c", MAX_FILE + 1))
    assert refused.value.code is Code.FILE_TOO_LARGE


# -- hostile peers ------------------------------------------------------------------------


def offer(seq: int, size: int, **more: object) -> wire.Offer:
    fields: dict[str, object] = {"name": "a", "content_type": "b/c", "content_length": size, **more}
    return wire.Offer(seq=seq, received=0, **fields)  # type: ignore[arg-type]  # fields by name


def test_offers_beyond_the_limit_are_refused() -> None:
    pair = Pair()
    for seq in range(2, MAX_OPEN_OFFERS + 3):
        pair.follower.feed(Arrived(1, offer(seq, 1)))
    assert len(pair.follower.told(api.Offer)) == MAX_OPEN_OFFERS
    assert pair.link.log[-1][1] == "Refuse"


@pytest.mark.parametrize(("preview", "body"), [(None, b"x"), ((2, 2), b"x"), ((1, 1), b"")])
def test_a_preview_of_the_wrong_size_is_a_fault(preview: object, body: bytes) -> None:
    pair = Pair()
    with pytest.raises(RemoteProtocolError) as raised:
        pair.follower.feed(Arrived(1, offer(2, 1, preview=preview), body))
    assert raised.value.code is Code.BAD_FIELD


def getting(size: int) -> tuple[Pair, str]:
    """The follower has asked for a file of the leader, and the leader sends nothing by itself."""
    pair = Pair()
    transfer = accepted(pair, bytes(size))
    pair.leader.transmit = lambda effect: None
    pair.run(0.1)
    return pair, transfer


@pytest.mark.parametrize(
    ("first", "size", "code"),
    [
        (0, 0, Code.BAD_FIELD),
        (10, 10, Code.OUT_OF_ORDER),
        (0, 101, Code.UNEXPECTED),
        (100, 1, Code.UNEXPECTED),
        (MAX_FILE, 1, Code.UNEXPECTED),
    ],
)
def test_a_part_that_nobody_asked_for_is_a_fault(first: int, size: int, code: Code) -> None:
    pair, transfer = getting(100)
    with pytest.raises(RemoteProtocolError) as raised:
        pair.follower.feed(Arrived(1, wire.Part(transfer, first), bytes(size)))
    assert raised.value.code is code


def test_parts_that_come_again_are_dropped_and_those_that_overlap_are_cut() -> None:
    pair, transfer = getting(100)
    for first, size in [(0, 10), (0, 10), (5, 5), (5, 20), (0, 25), (25, 75)]:
        pair.follower.feed(Arrived(1, wire.Part(transfer, first), bytes([first]) * size))
    pair.run(0.1)
    assert bytes(pair.follower.disk.parts[transfer]) == bytes(10) + b"\x05" * 15 + b"\x19" * 75


def test_a_part_before_the_offer_is_accepted_is_a_fault() -> None:
    pair = Pair()
    transfer = pair.leader.offer(b"abc")
    pair.run(1.0)
    with pytest.raises(RemoteProtocolError) as raised:
        pair.follower.feed(Arrived(1, wire.Part(transfer, 0), b"abc"))
    assert raised.value.code is Code.UNEXPECTED
    with pytest.raises(RemoteProtocolError):
        pair.follower.feed(Arrived(1, wire.Part(of_follower(9), 0), b"abc"))
    with pytest.raises(RemoteProtocolError):
        pair.follower.feed(Arrived(1, wire.Get(transfer, 0, 1)))


@pytest.mark.parametrize(("first", "last"), [(0, 100), (5, 4), (50, 60), (100, 100)])
def test_a_get_for_bytes_that_cannot_be_had_is_a_fault(first: int, last: int) -> None:
    pair = Pair()
    transfer = pair.leader.offer(bytes(100))
    with pytest.raises(RemoteProtocolError) as raised:
        pair.leader.feed(Arrived(1, wire.Get(transfer, 0, 9)))
    assert raised.value.code is Code.UNEXPECTED
    pair.leader.feed(Arrived(1, wire.Accept(seq=2, received=2, transfer=transfer)))
    with pytest.raises(RemoteProtocolError) as raised:
        pair.leader.feed(Arrived(1, wire.Get(transfer, first, last)))
    assert raised.value.code is Code.UNEXPECTED


@pytest.mark.parametrize(
    "message",
    [
        wire.Stored(seq=2, received=2, transfer=of_leader(2)),
        wire.Pause(seq=2, received=2, transfer=of_leader(2)),
        wire.Resume(seq=2, received=2, transfer=of_leader(2)),
    ],
)
def test_a_message_at_a_wrong_time_is_a_fault(message: wire.NumberedMessage) -> None:
    pair = Pair()
    pair.leader.offer(bytes(100))
    with pytest.raises(RemoteProtocolError) as raised:
        pair.leader.feed(Arrived(1, message))
    assert raised.value.code is Code.UNEXPECTED


def test_a_reason_that_has_nothing_to_do_with_files_is_not_shown() -> None:
    pair = Pair()
    transfer = pair.leader.offer(b"x")
    decline = wire.Decline(seq=2, received=2, transfer=transfer, code="server_unreachable")
    pair.leader.feed(Arrived(1, decline))
    other = pair.leader.offer(b"x")
    pair.leader.feed(Arrived(1, wire.Cancel(seq=3, received=3, transfer=other, code="nonsense")))
    assert pair.leader.told(api.Failed) == [failed(transfer, Code.DECLINED), failed(other, Code.CANCELLED)]
