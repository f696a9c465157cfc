import json
from typing import Any

import pytest

from floater import api
from floater.desktop import page_queue
from floater.desktop.page_queue import MAX_EVENTS, MAX_NOTICES, PageQueue


def said(number: int, text: str = "hi") -> api.TextReceived:
    return api.TextReceived(f"peer.{number}", text, n=number, talk="t")


def batch(queue: PageQueue) -> list[dict[str, Any]]:
    return [json.loads(line) for line in queue.next().splitlines()]


def test_all_that_waits_is_one_batch_in_order() -> None:
    queue = PageQueue()
    queue.event(said(1))
    queue.reply(b'{"reply":7,"ok":true}\n')
    queue.event(api.Notice("busy", "", n=2))
    assert [line.get("n", line.get("reply")) for line in batch(queue)] == [1, 7, 2]


def test_the_next_batch_waits_until_the_page_has_taken_the_last() -> None:
    queue = PageQueue()
    assert queue.next() == ""
    queue.event(said(1))
    assert len(batch(queue)) == 1
    queue.event(said(2))
    assert (queue.is_out, queue.next()) == (True, "")
    queue.event(said(3))
    queue.taken()
    assert [line["n"] for line in batch(queue)] == [2, 3]
    queue.taken()
    assert queue.next() == ""
    queue.ask()
    queue.event(said(4))
    assert queue.next() == "", "the page has yet to answer"


def test_a_page_that_takes_nothing_gets_the_newest_event_and_every_reply_and_notice() -> None:
    queue = PageQueue()
    queue.reply(b'{"reply":7,"ok":true}\n')
    queue.event(api.Notice("busy", "", n=1))
    for number in range(2, MAX_EVENTS + 3):
        queue.event(said(number))
    assert [line.get("n", line.get("reply")) for line in batch(queue)] == [7, 1, MAX_EVENTS + 2]
    queue.taken()
    for number in range(MAX_EVENTS):
        queue.event(said(number))
    assert len(batch(queue)) == MAX_EVENTS, "it is counted anew"


def test_long_texts_are_dropped_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_queue, "MAX_BYTES", 10_000)
    queue = PageQueue()
    for number in range(4):
        queue.event(said(number, "x" * 3_000))
    assert [line["n"] for line in batch(queue)] == [3]


def test_of_notices_the_newest_wait() -> None:
    queue = PageQueue()
    for number in range(MAX_NOTICES + 5):
        queue.event(api.Notice("busy", "", n=number))
    assert [line["n"] for line in batch(queue)] == list(range(5, MAX_NOTICES + 5))


def test_another_page_is_told_of_notices_and_mails_only() -> None:
    queue = PageQueue()
    queue.event(said(1))
    queue.next()
    queue.event(said(2))
    queue.reply(b'{"reply":7,"ok":true}\n')
    queue.event(api.Mailed("a@b.c", "", "123456", "", n=3))
    queue.forget_page()
    assert [line["n"] for line in batch(queue)] == [3]
    queue.event(api.Notice("busy", "", n=4))
    queue.forget_page()
    assert [line["n"] for line in batch(queue)] == [3, 4], "it was on its way to a page that is gone"
    queue.taken()
    queue.forget_page()
    assert queue.next() == ""
