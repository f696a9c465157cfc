import msgspec
import pytest

from floater import api
from floater.client.words import Words
from floater.codes import Code
from floater.errors import Refused


@pytest.fixture
def told() -> list[api.Event]:
    return []


@pytest.fixture
def words(told: list[api.Event]) -> Words:
    return Words(told.append, lambda: "en")


def test_events_are_numbered_and_passed_on_in_order(words: Words, told: list[api.Event]) -> None:
    words.tell(api.StateChanged(api.State.HOME))
    words.tell(api.Online(True))
    assert told == [api.StateChanged(api.State.HOME, n=1), api.Online(True, n=2)]
    assert words.told == 2


def test_a_code_gets_its_sentence_at_the_very_end(words: Words, told: list[api.Event]) -> None:
    words.notice(Code.CLOCK_WRONG)
    words.tell(api.Online(False, api.Error("server_unreachable", ""), 0.5))
    words.tell(api.Undelivered("m", api.Error("not_delivered", ""), talk="m1"))
    notice, offline, undelivered = told
    assert isinstance(notice, api.Notice)
    assert notice.message == words.error("clock_wrong").message
    assert isinstance(offline, api.Online)
    assert offline.error == words.error("server_unreachable")
    assert isinstance(undelivered, api.Undelivered)
    assert undelivered.error == words.error("not_delivered")
    assert undelivered.error.message


def test_what_belongs_to_a_talk_is_remembered_with_its_number(words: Words) -> None:
    said = api.TextReceived("m", "hi", talk="m1")
    words.tell(api.Matched("m1", api.PeerName("Bob"), talk="m1"))
    words.tell(said)
    happened = [recorded.happened for recorded in words.memory.events("m1")]
    assert happened[1:] == [msgspec.structs.replace(said, n=2)]


def test_sentences_are_in_the_language_of_now() -> None:
    language = "en"
    words = Words(lambda _: None, lambda: language)
    english = words.explain(Refused(Code.NO_TALK))
    language = "zh-CN"
    assert words.language == "zh-CN"
    chinese = words.explain(Refused(Code.NO_TALK))
    assert english.code == chinese.code == "no_talk"
    assert english.message != chinese.message
