from pathlib import Path

import pytest

from floater import __version__, api
from floater.client import Client
from floater.client.receipt import receipt_of
from floater.client.words import Words
from floater.config import ClientConfig

RELAYED = api.Path(
    api.PathKind.RELAY,
    700.0,
    None,
    "relay",
    api.Receipt(650.0, 690.0, "crossing", 9, why_relay=api.RelayReason.UNDER_WAY),
)
FAILED = api.Receipt(650.0, 690.0, "crossing", 60, why_relay=api.RelayReason.FAILED)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("language", "words"), [("en", "There is no talk yet to tell of."), ("zh-CN", "还没有可以说明的聊天。")]
)
async def test_without_a_talk_there_is_nothing_to_tell_of(tmp_path: Path, language: str, words: str) -> None:
    async with Client(ClientConfig(data_dir=tmp_path), lambda _: None) as client:
        await client.do(api.Set(language=language))
        reply = await client.do(api.GetReceipt())
        assert isinstance(reply, api.ReceiptReply)
        assert (reply.words, reply.path, reply.changes) == ([words], None, [])


def test_a_receipt_tells_what_was_told_and_the_newest_reason_and_no_name() -> None:
    words = Words(lambda _: None, lambda: "en")
    for event in (
        api.StateChanged(api.State.SEEKING),
        api.Matched("m1", api.PeerName("Bob")),
        RELAYED,
        api.ReceiptChanged(FAILED),
        api.TextReceived("ffffffffffffffff.1", "wild geese"),
    ):
        words.tell(event)
    reply = receipt_of(words, hides=False)
    assert (reply.path, reply.how, reply.receipt) == (api.PathKind.RELAY, "relay", FAILED)
    assert reply.text.splitlines() == [f"FLOATER {__version__}: how you are connected", "", *reply.words]
    assert "Direct ways were tried, and none came about." in reply.words
    assert "Tried: both call each other at once (60 calls from here)." in reply.words
    assert not [word for word in ("Bob", "geese", "m1") if word in reply.text]
    words.tell(api.StateChanged(api.State.HOME))
    text = receipt_of(words, hides=False).text
    assert text.startswith(f"FLOATER {__version__}: how you were connected")
