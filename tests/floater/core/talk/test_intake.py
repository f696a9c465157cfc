import pytest

from floater.core.link import Arrived, PauseReading, ResumeReading
from floater.core.talk.intake import BODIES, FRAMES, MESSAGES, OFFERS, TYPING, Intake
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.limits import MAX_PART, MAX_TEXT

TEXT = wire.Text(seq=1, received=0)
OFFER = wire.Offer(seq=1, received=0, name="a", content_type="image/png", content_length=1, preview=None)
KINDS = [
    (TEXT, MESSAGES),
    (wire.Greet(seq=1, received=0, language="zh"), MESSAGES),
    (wire.Unknown(seq=1, received=0), MESSAGES),
    (wire.Cancel(seq=1, received=0, transfer="1111111111111111.1", code=""), MESSAGES),
    (OFFER, OFFERS),
    (wire.Typing(typing=True), TYPING),
    (wire.LinkPing(1), FRAMES),
    (wire.LinkPong(1), FRAMES),
    (wire.Ack(0), FRAMES),
    (wire.Get(transfer="1111111111111111.1", first=0, last=0), FRAMES),
]


@pytest.mark.parametrize(("message", "limits"), KINDS)
def test_each_kind_of_message_beyond_its_rate_pauses_its_link(
    message: wire.TalkMessage, limits: tuple[float, float]
) -> None:
    rate, burst = limits
    intake = Intake()
    for _ in range(int(burst)):
        assert intake.feed(Arrived(1, message), now=100.0) == []
    assert intake.deadline is None
    assert intake.feed(Arrived(1, message), now=100.0) == [PauseReading(1)]
    assert intake.deadline == pytest.approx(100.0 + 1 / rate)
    assert intake.feed(Tick(), now=100.0) == []
    assert intake.feed(Tick(), now=100.0 + 1 / rate) == [ResumeReading(1)]
    assert intake.deadline is None


@pytest.mark.search
@pytest.mark.parametrize(("message", "limits"), KINDS)
def test_a_peer_that_talks_without_end_is_obeyed_at_the_rate(
    message: wire.TalkMessage, limits: tuple[float, float]
) -> None:
    rate, burst = limits
    intake, now, came = Intake(), 0.0, 0
    while now < 60.0:
        intake.feed(Arrived(1, message), now=now)
        came += 1
        if intake.deadline is not None:
            now = intake.deadline
            intake.feed(Tick(), now=now)
    assert came <= burst + 60.0 * rate + 2


def test_large_bodies_cost_by_their_size() -> None:
    intake = Intake()
    event = Arrived(1, TEXT, bytes(MAX_TEXT))
    for _ in range(int(BODIES[1]) // MAX_TEXT):
        assert intake.feed(event, now=0.0) == []
    assert intake.feed(event, now=0.0) == [PauseReading(1)]
    assert intake.deadline == pytest.approx(MAX_TEXT / BODIES[0])


def test_parts_and_the_hang_up_are_never_held_back() -> None:
    intake = Intake()
    part = Arrived(1, wire.Part(transfer="1111111111111111.1", first=0), bytes(MAX_PART))
    for _ in range(10_000):
        assert intake.feed(part, now=0.0) == []
        assert intake.feed(Arrived(1, wire.HangUp(seq=1, received=0)), now=0.0) == []


def test_several_links_share_the_buckets_and_are_read_again_together() -> None:
    intake = Intake()
    for _ in range(int(TYPING[1])):
        intake.feed(Arrived(1, wire.Typing(typing=True)), now=0.0)
    assert intake.feed(Arrived(1, wire.Typing(typing=True)), now=0.0) == [PauseReading(1)]
    assert intake.feed(Arrived(2, wire.Typing(typing=True)), now=0.0) == [PauseReading(2)]
    assert intake.feed(Arrived(2, wire.Typing(typing=True)), now=0.0) == []
    assert intake.deadline == pytest.approx(3 / TYPING[0])
    assert intake.feed(Tick(), now=2.0) == [ResumeReading(1), ResumeReading(2)]


def test_a_hundred_messages_a_second_for_a_minute_are_never_held_back() -> None:
    intake = Intake()
    for number in range(6_000):
        assert intake.feed(Arrived(1, TEXT, b"x" * 100), now=number / 100) == []
