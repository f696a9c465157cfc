from floater import api
from floater.client import history
from floater.client.history import History

MATCHED = api.Matched("m1", api.PeerName("Bob"))


def after(*events: api.Event) -> list[api.Event]:
    kept = History()
    for event in events:
        kept.record(event)
    return [recorded.happened for recorded in kept.events]


def test_a_talk_is_kept_from_its_match_on() -> None:
    early = api.Notice("mail_delayed", "")
    assert after(early, MATCHED, api.TextReceived("ffffffffffffffff.1", "hi")) == [
        MATCHED,
        api.TextReceived("ffffffffffffffff.1", "hi"),
    ]


def test_nothing_is_kept_when_the_talk_is_over() -> None:
    ended = api.TalkEnded(api.Ended.YOU_HUNG_UP, 1.0)
    home = api.StateChanged(api.State.HOME)
    assert after(MATCHED, ended) == [MATCHED, ended]
    assert after(MATCHED, ended, home) == []
    assert after(MATCHED, ended, home, api.Delivered("1111111111111111.1")) == []


def test_of_progress_only_the_newest_is_kept() -> None:
    first, second, other = (
        api.Progress("1111111111111111.1", 1, 9),
        api.Progress("1111111111111111.1", 2, 9),
        api.Progress("ffffffffffffffff.1", 1, 9),
    )
    assert after(MATCHED, first, other, second) == [MATCHED, other, second]


def test_what_goes_stale_is_not_kept() -> None:
    assert after(MATCHED, api.PeerTyping(True), api.Online(False)) == [MATCHED]


def test_a_talk_without_end_does_not_fill_the_memory() -> None:
    texts = [api.TextReceived(f"F{n}", "x" * 65_536) for n in range(2_000)]
    kept = after(MATCHED, *texts)
    assert kept[-1] == texts[-1]
    assert len(kept) * 65_536 <= history.MAX_TEXT
    many = [api.Delivered(f"L{n}") for n in range(history.MAX_EVENTS + 5)]
    assert after(MATCHED, *many) == many[-history.MAX_EVENTS :]
