"""Every sentence a person may be shown exists in every language, and nothing else does."""

import json
import re
import string
from importlib import resources
from pathlib import Path
from typing import Final

import pytest

from floater import api
from floater.codes import Code
from floater.core.meet.port_mapping import Outcome
from floater.core.meet.technique import Technique
from floater.wire.endpoint import CandidateKind
from floater.wire.nat import Allocation, Filtering, Mapping

LANGUAGES: Final = ("en", "zh-CN")
ROOT: Final = Path(__file__).parents[1]

# Each group of keys whose members are the words of one enumeration.
ENUMERATED: Final = {
    "code": {code.value for code in Code},
    "state": {state.value for state in api.State},
    "ended": {reason.value for reason in api.Ended},
    "path": {kind.value for kind in api.PathKind},
    "nat": {mapping.value for mapping in Mapping},
    "allocation": {kind.value for kind in (Allocation.SEQUENTIAL, Allocation.BLOCK, Allocation.RANDOM)},
    "filtering": {kind.value for kind in Filtering if kind is not Filtering.UNKNOWN},
    "router": {outcome.value for outcome in Outcome if outcome is not Outcome.NOT_ASKED},
    "their_nat": {mapping.value for mapping in Mapping},
    "their_filtering": {kind.value for kind in Filtering if kind is not Filtering.UNKNOWN},
    "way": {kind.value for kind in api.PathKind},
    "was": {kind.value for kind in api.PathKind},
    "change": {kind.value for kind in api.PathKind} | {"away"},
    "why_relay": {reason.value for reason in api.RelayReason},
    "tried": {technique.value for technique in Technique},
    "found": {kind.value for kind in CandidateKind if kind is not CandidateKind.UNKNOWN}
    | {kind.value for kind in (Technique.PREDICTION, Technique.BLOCK_SCAN, Technique.BIRTHDAY)}
    | {"lan", "incoming", "opener", "relay", "relay-tls"},
    "reachability": {"open", "punch", "relay", "offline"},
}


def read(language: str) -> dict[str, str]:
    text = resources.files("floater").joinpath("locales", f"{language}.json").read_text("utf-8")
    pairs: list[tuple[str, str]] = json.loads(text, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key stands twice in {language}"
    return dict(pairs)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("group", ENUMERATED)
def test_every_word_of_a_group_has_a_sentence_and_no_sentence_is_stale(language: str, group: str) -> None:
    words = {key.partition(".")[2] for key in read(language) if key.startswith(f"{group}.")}
    assert words == ENUMERATED[group]


def test_no_key_lacks_a_language() -> None:
    first, *others = (read(language) for language in LANGUAGES)
    for other in others:
        assert list(other) == list(first)


def test_the_languages_are_those_that_are_there() -> None:
    there = {path.stem for path in (ROOT / "floater" / "locales").glob("*.json")}
    assert there == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_short_plain_text(language: str) -> None:
    for key, sentence in read(language).items():
        assert sentence == sentence.strip() != "", key
        assert len(sentence) <= 140, key
        assert not re.search(r"[\n\t<>]|  ", sentence), key


def test_both_languages_fill_in_the_same_blanks() -> None:
    english, chinese = read("en"), read("zh-CN")
    for key in english:
        assert _blanks(english[key]) == _blanks(chinese[key]), key


def test_chinese_sentences_are_chinese() -> None:
    for key, sentence in read("zh-CN").items():
        assert re.search(r"[\u4e00-\u9fff]", sentence), key


def test_other_keys_are_used_somewhere() -> None:
    """A key outside the enumerated groups stands, in quotes, in the source that shows it.

    Where a group's name is put in front by an f-string, what follows it stands in quotes.
    """
    source = "".join(path.read_text("utf-8") for path in (ROOT / "floater").rglob("*.py"))

    def is_used(key: str) -> bool:
        group, _, rest = key.partition(".")
        return f'"{key}"' in source or (f'f"{group}.{{' in source and f'"{rest}"' in source)

    assert [key for key in read("en") if key.partition(".")[0] not in ENUMERATED and not is_used(key)] == []


def _blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize(
    ("language", "promise"),
    [("en", r"\bwe\b|again"), ("zh-CN", "我们|重新|自动|继续尝试")],
)
@pytest.mark.parametrize("code", [Code.SERVER_UNREACHABLE, Code.PROXY_UNREACHABLE, Code.SERVER_CLOSING])
def test_a_refusal_of_the_network_does_not_promise_another_try(
    code: Code, language: str, promise: str
) -> None:
    """A command that failed is not tried again; that the connection is, `online` tells by `retry_s`."""
    assert not re.search(promise, read(language)[f"code.{code.value}"], re.IGNORECASE)
