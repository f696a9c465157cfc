"""Both sides of a transfer against the state tables of §7.5. The peer is made of headers."""

from typing import Any, Final

import pytest

from floater import api
from floater.core.emit import Emit
from floater.core.talk.talk import AcceptTo
from floater.core.talk.transfer import FinishFile, WriteBlock
from floater.errors import RemoteProtocolError
from floater.wire import talk as wire
from tests.conformance.side import BYTES, SHA256, Side, said
from tests.conformance.table import cells
from tests.helpers.pair import of_follower

AT_SENDER: Final = cells("What the sender of a file does with what its receiver says:")
AT_RECEIVER: Final = cells("What the receiver of a file does with what its sender says:")


def sender(state: str) -> Side:
    side = Side()
    if state == "a file of the peer":
        side.is_offered()
        return side
    side.offers()
    if state == "gone":
        side.says("cancel")
    if state in ("sending", "complete"):
        side.says("accept")
    if state == "complete":
        assert said(side.says("get", first=0, last=len(BYTES) - 1), wire.Complete)
    return side


def receiver(state: str) -> Side:
    side = Side()
    if state == "a file of this side":
        side.offers()
        return side
    side.is_offered()
    if state == "gone":
        side.says("cancel")
    if state not in ("gone", "offered"):
        assert said(side.does(AcceptTo(side.transfer, "/downloads")), wire.Accept)
    if state in ("getting, `complete` noted", "storing"):
        side.says("complete", sha256=SHA256)
    if state == "storing":
        header = {"type": "part", "transfer": side.transfer, "first": 0}
        assert any(isinstance(effect, FinishFile) for effect in side.hears(header, BYTES))
    return side


def outcome(side: Side, word: str) -> str:
    """What a message does, in the words of the tables."""
    by_word: dict[str, dict[str, Any]] = {
        "refuse": {"of": int(side.transfer.split(".")[1]), "code": "outbox_full"},
        "get": {"first": 0, "last": len(BYTES) - 1},
        "part": {"first": 0},
        "complete": {"sha256": SHA256},
    }
    try:
        effects = side.says(word, **by_word.get(word, {}))
    except RemoteProtocolError as error:
        return f"`{error.code}`"
    if refusals := said(effects, wire.Refuse):
        return f"`{refusals[0].code}`"
    if said(effects, wire.Part):
        return "bytes follow"
    if any(isinstance(effect, WriteBlock) for effect in effects):
        return "written"
    events = [effect.event for effect in effects if isinstance(effect, Emit)]
    for kinds, name in HAPPENS.items():
        if any(isinstance(event, kinds) for event in events):
            return name
    return ""


HAPPENS: Final[dict[tuple[type, ...], str]] = {
    (api.Accepted,): "sending",
    (api.Failed, api.Sent): "gone",
    (api.Paused,): "obeyed",
}
NOTHING: Final = ("ignored", "noted")
"The cells of which this side's person and the peer see nothing."


@pytest.mark.parametrize(("state", "word"), AT_SENDER)
def test_the_sender_does_what_its_table_says(state: str, word: str) -> None:
    cell = AT_SENDER[state, word]
    assert outcome(sender(state), word) == ("" if cell in NOTHING else cell)


@pytest.mark.parametrize(("state", "word"), AT_RECEIVER)
def test_the_receiver_does_what_its_table_says(state: str, word: str) -> None:
    cell = AT_RECEIVER[state, word]
    assert outcome(receiver(state), word) == ("" if cell in NOTHING else cell)


def test_the_tables_name_every_state_and_every_message() -> None:
    assert {word for _, word in AT_SENDER} == {
        *("accept", "decline", "refuse", "get", "pause", "resume", "cancel", "stored")
    }
    assert {word for _, word in AT_RECEIVER} == {"part", "complete", "pause", "resume", "cancel"}
    assert len({state for state, _ in AT_SENDER}) == 5
    assert len({state for state, _ in AT_RECEIVER}) == 6


def test_a_file_without_bytes_is_complete_at_once() -> None:
    side = Side()
    side.offers(0)
    assert len(said(side.says("accept"), wire.Complete)) == 1


def test_complete_is_said_once_and_may_come_before_the_bytes() -> None:
    side = sender("complete")
    moved = side.move(2)
    assert len(said(moved, wire.Complete)) == 1, "resent, because it was not acknowledged"
    assert said(moved, wire.Part) == []
    effects = side.says("get", first=0, last=len(BYTES) - 1)
    assert said(effects, wire.Part)
    assert said(effects, wire.Complete) == []


def test_a_receiver_takes_complete_before_the_bytes() -> None:
    side = receiver("getting, `complete` noted")
    effects = side.hears({"type": "part", "transfer": side.transfer, "first": 0}, BYTES)
    assert any(isinstance(effect, FinishFile) for effect in effects)


def test_a_get_that_comes_while_the_receiver_rests_is_kept() -> None:
    side = sender("sending")
    side.says("pause")
    assert said(side.says("get", first=0, last=9), wire.Part) == []
    assert said(side.says("resume"), wire.Part)


def test_a_get_for_an_earlier_place_replaces_the_wish() -> None:
    side = sender("sending")
    side.says("get", first=0, last=7)
    again = said(side.says("get", first=2, last=4), wire.Part)
    assert [part.first for part in again] == [2]


@pytest.mark.parametrize("word", ["pause", "resume"])
def test_a_pause_that_changes_nothing_is_obeyed(word: str) -> None:
    for side in (sender("sending"), receiver("getting")):
        for _ in range(3):
            assert outcome(side, word) == "obeyed"


def test_the_digest_that_the_receiver_names_stands_in_the_field_of_its_name() -> None:
    for word, field in (("blake3", "blake3"), ("sha256", "sha256")):
        side = Side()
        side.offers(0)
        (complete,) = said(side.says("accept", content_digest=word), wire.Complete)
        assert getattr(complete, field) is not None
        assert (complete.sha256, complete.blake3).count(None) == 1


def test_a_receiver_that_names_no_digest_means_sha256() -> None:
    side = Side()
    side.offers(0)
    (complete,) = said(side.says("accept"), wire.Complete)
    assert complete.sha256 is not None
    assert complete.blake3 is None


def test_a_digest_that_the_offer_does_not_mean_is_a_bad_field() -> None:
    side = Side()
    side.offers()
    with pytest.raises(RemoteProtocolError) as fault:
        side.says("accept", content_digest="md5")
    assert fault.value.code.value == "bad_field"


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        ({}, "sha256"),
        ({"content_digests": ["sha256"]}, "sha256"),
        ({"content_digests": ["sha256", "blake3"]}, "blake3"),
        ({"content_digests": ["blake3"]}, "blake3"),
        ({"content_digests": ["later"]}, "sha256"),
        ({"content_digests": []}, "sha256"),
    ],
)
def test_the_receiver_names_a_digest_of_the_offer(offered: dict[str, Any], named: str) -> None:
    side = Side()
    offer = {"name": "a", "content_type": "text/plain", "content_length": 4}
    side.hears({"type": "offer", **offer, **offered})
    side.transfer = of_follower(2)
    (accept,) = said(side.does(AcceptTo(side.transfer, "/downloads")), wire.Accept)
    assert accept.content_digest == named
    other = "sha256" if named == "blake3" else "blake3"
    with pytest.raises(RemoteProtocolError) as fault:
        side.says("complete", **{other: SHA256})
    assert fault.value.code.value == "bad_field"
