import msgspec
import pytest

from floater import api
from floater.client import memory
from floater.client.memory import Memory
from floater.codes import Code
from floater.errors import Refused

SEEKING, HOME, CONNECTING, SIGNED_OUT = (
    api.StateChanged(state)
    for state in (api.State.SEEKING, api.State.HOME, api.State.CONNECTING, api.State.SIGNED_OUT)
)
MATCHED = api.Matched("m1", api.PeerName("Bob"), talk="m1")
ENDED = api.TalkEnded(api.Ended.YOU_HUNG_UP, 1.0, talk="m1")
OVER = api.TalkChanged(api.TalkKind.STRANGER, "Bob", api.Standing.OVER, talk="m1")


def said(number: int, text: str = "hi", talk: str = "m1") -> api.TextReceived:
    return api.TextReceived(f"peer.{number}", text, talk=talk)


def lobby(talk: str, standing: api.Standing = api.Standing.CONNECTING) -> api.TalkChanged:
    return api.TalkChanged(api.TalkKind.LOBBY, talk, standing, talk=talk)


def after(*events: api.Event) -> Memory:
    kept = Memory()
    for second, event in enumerate(events):
        kept.record(event, now=float(second))
    return kept


def events(kept: Memory, talk: str = "") -> list[api.Event]:
    return [recorded.happened for recorded in kept.events(talk)]


def test_a_talk_is_kept_from_its_match_on() -> None:
    assert events(after(api.Notice("mail_delayed", ""), MATCHED, said(1))) == [MATCHED, said(1)]


def test_nothing_is_kept_when_the_talk_is_over() -> None:
    assert events(after(MATCHED, said(1), ENDED)) == [MATCHED, said(1), ENDED]
    assert events(after(MATCHED, said(1), ENDED, HOME, OVER)) == []


def test_how_a_talk_was_connected_is_kept_until_the_next_search_or_the_log_out() -> None:
    kept = after(SEEKING, MATCHED, ENDED, HOME, OVER)
    ways = kept.ways("")
    assert ways is not None
    assert (ways.over, ways.matched) == (True, 1_000.0)
    for end in (SEEKING, SIGNED_OUT):
        assert after(SEEKING, MATCHED, ENDED, HOME, OVER, end).ways("") is None
        assert after(SEEKING, MATCHED, ENDED, end, OVER).ways("") is None


def test_the_search_that_goes_on_when_nobody_came_began_with_the_press() -> None:
    again = msgspec.structs.replace(MATCHED, match_id="m2", talk="m2")
    kept = after(SEEKING, MATCHED, CONNECTING, SEEKING, OVER, again)
    ways = kept.ways("")
    assert ways is not None
    assert ways.matched == 5_000.0
    assert kept.ways("m1") is None


def test_talks_are_kept_apart() -> None:
    kept = after(lobby("a"), lobby("b"), said(1, "to a", "a"), said(1, "to b", "b"))
    assert events(kept, "a") == [lobby("a"), said(1, "to a", "a")]
    assert events(kept, "b") == [lobby("b"), said(1, "to b", "b")]
    assert events(kept, "c") == []
    with pytest.raises(Refused) as refused:
        kept.events("")
    assert refused.value.code is Code.WHICH_TALK
    kept.record(MATCHED, now=9.0)
    assert events(kept) == [MATCHED]  # the stranger's is meant


def test_the_only_talk_needs_no_name() -> None:
    assert events(after(lobby("a"))) == [lobby("a")]
    assert events(after()) == []
    assert after().ways("") is None


def test_of_progress_only_the_newest_is_kept() -> None:
    first, second = (api.Progress("me.1", at, 9, talk="m1") for at in (1, 2))
    other, third = api.Progress("peer.1", 1, 9, talk="m1"), api.Accepted("me.2", talk="m1")
    assert events(after(MATCHED, first, other, second)) == [MATCHED, other, second]
    assert events(after(MATCHED, third, api.Progress("me.2", 1, 9, talk="m1")))[1:] == [
        third,
        api.Progress("me.2", 1, 9, talk="m1"),
    ]


def test_what_goes_stale_is_not_kept() -> None:
    assert events(after(MATCHED, api.PeerTyping(True, talk="m1"), api.Online(False))) == [MATCHED]


def test_what_the_peer_says_and_offers_is_unread_until_it_is_marked() -> None:
    offer = api.Offer("peer.2", "a.png", "image/png", 9, talk="m1")
    kept = after(MATCHED, said(1), offer, api.Said("me.1", "hi", talk="m1"), said(3))
    assert kept.unread("m1") == 3
    kept.mark_read("", "peer.2")
    assert kept.unread("m1") == 1
    for unknown in ("peer.2", "me.1", "x"):
        with pytest.raises(Refused) as refused:
            kept.mark_read("m1", unknown)
        assert refused.value.code is Code.NO_SUCH_MESSAGE
    with pytest.raises(Refused):
        kept.mark_read("m2", "peer.3")
    assert (kept.unread("m1"), kept.unread("m2")) == (1, 0)


def test_a_talk_without_end_does_not_fill_the_memory() -> None:
    texts = [said(number, "x" * 65_536) for number in range(2_000)]
    long = after(MATCHED, *texts)
    kept = events(long)
    assert kept[-1] == texts[-1]
    assert len(kept[1:]) * 65_536 <= memory.MAX_TEXT
    assert long.earlier("m1") == len(texts) - len(kept[1:])
    many = [api.Delivered(f"me.{number}", talk="m1") for number in range(memory.MAX_EVENTS + 5)]
    assert events(after(MATCHED, *many)) == [MATCHED, *many[-memory.MAX_EVENTS :]]


def test_the_beginning_of_a_talk_without_end_is_kept_and_what_was_dropped_is_counted() -> None:
    preview = api.Preview(16, 16, b"x" * 1_024)
    offers = [
        api.Offer(f"peer.{number}", "a.png", "image/png", 9, preview, talk="m1")
        for number in range(memory.MAX_TEXT // 1_024 + 7)
    ]
    ours, theirs = api.Greeted("zh", "你好", talk="m1"), api.PeerGreeted("en", "Hello", talk="m1")
    kept = after(MATCHED, ours, lobby("m1"), theirs, *offers)
    assert events(kept)[:3] == [MATCHED, ours, theirs]
    assert events(kept)[3:] == offers[7:]
    assert (kept.earlier(""), kept.earlier("nowhere")) == (7, 0)
    kept.record(OVER, now=1e6)
    assert (events(kept), kept.earlier("m1")) == ([], 0)
