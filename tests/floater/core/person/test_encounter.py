from collections.abc import Callable
from typing import TypeAlias

import pytest

from floater import api
from floater.api import Ended, TalkKind
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.person import encounter
from floater.core.person.encounter import (
    ENDS,
    FAREWELL,
    Encounter,
    EndMeeting,
    FellThrough,
    Greeted,
    Lost,
    MatchEnded,
    Met,
    NoShow,
    Over,
    SendEndMatch,
)
from floater.machine import Tick
from floater.wire.control import EndReason
from tests.helpers.introduced import introduced
from tests.helpers.playbook import Playbook

Script = Playbook[encounter.Event, encounter.Effect]
Begun: TypeAlias = Callable[[], tuple[Encounter, Script]]


def connecting(kind: TalkKind = TalkKind.STRANGER) -> tuple[Encounter, Script]:
    machine = Encounter(introduced("m1", "Bob"), kind)
    return machine, Playbook(machine)


def greeting() -> tuple[Encounter, Script]:
    machine, script = connecting()
    return machine, script.at(3, Met("m1"))


def opened() -> tuple[Encounter, Script]:
    machine, script = greeting()
    return machine, script.at(4, Greeted("m1"))


def left(why: Ended, word: EndReason, lasted: float) -> tuple[encounter.Effect, ...]:
    return EndMeeting("m1", why), SendEndMatch("m1", word), Emit(api.TalkEnded(why, lasted, talk="m1"))


def test_a_match_is_met_greeted_and_over() -> None:
    machine, script = connecting(TalkKind.LOBBY)
    stands = api.Standing.CONNECTING
    assert machine.changed() == [Emit(api.TalkChanged(TalkKind.LOBBY, "Bob", stands, talk="m1"))]
    assert machine.changed() == []
    script.at(3, Greeted("m1")).at(3, Met("m1")).at(3, Met("m1"))
    stands = api.Standing.GREETING
    assert machine.changed() == [Emit(api.TalkChanged(TalkKind.LOBBY, "Bob", stands, talk="m1"))]
    script.at(4, Greeted("m1"))
    assert (machine.standing, machine.is_over) == (api.Standing.OPEN, False)
    script.at(10, Over("m1", Ended.PEER_HUNG_UP), *left(Ended.PEER_HUNG_UP, EndReason.HUNG_UP, 7))
    assert (machine.standing, machine.is_over) == (api.Standing.OVER, True)
    stands = api.Standing.OVER
    assert machine.changed() == [Emit(api.TalkChanged(TalkKind.LOBBY, "Bob", stands, talk="m1"))]
    for news in (Met("m1"), NoShow("m1"), Greeted("m1"), Lost("m1"), Over("m1", Ended.PEER_LOST), Tick()):
        script.at(11, news)
    script.at(11, MatchEnded("m1", EndReason.LOST)).rests()


@pytest.mark.parametrize("begun", [greeting, opened])
@pytest.mark.parametrize("reason", Ended)
def test_every_end_is_told_to_the_person_and_to_the_server(reason: Ended, begun: Begun) -> None:
    machine, script = begun()
    script.at(5.5, Over("m1", reason), *left(reason, ENDS[reason].server, 2.5)).rests()
    machine, _ = begun()
    assert machine.end(reason, now=5.5) == [*left(reason, ENDS[reason].server, 2.5)]


def test_the_peer_hears_from_us_of_what_we_do() -> None:
    assert [reason for reason in Ended if ENDS[reason].hang_up] == [
        Ended.YOU_HUNG_UP,
        Ended.LOGGED_IN_ELSEWHERE,
        Ended.LOGGED_OUT,
    ]


@pytest.mark.parametrize(
    ("news", "reason", "word"),
    [
        (Lost("m1"), Ended.PEER_LOST, EndReason.LOST),
        (Lost("m1", relayed=True), Ended.SERVER_CLOSED, EndReason.LOST),
        (NoShow("m1"), Ended.PEER_LOST, EndReason.LOST),
    ],
)
def test_a_talk_whose_links_are_lost_is_over(news: encounter.News, reason: Ended, word: EndReason) -> None:
    for _, script in (greeting(), opened()):
        script.at(40, news, *left(reason, word, 37)).rests()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (EndReason.HUNG_UP, Ended.PEER_HUNG_UP),
        (EndReason.CANCELLED, Ended.PEER_HUNG_UP),
        (EndReason.REFUSED, Ended.PEER_HUNG_UP),
        (EndReason.NO_SHOW, Ended.PEER_LOST),
        (EndReason.LOST, Ended.PEER_LOST),
        (EndReason.LEFT, Ended.PEER_LOST),
    ],
)
def test_the_servers_word_leaves_time_for_the_peers_last_words(word: EndReason, reason: Ended) -> None:
    for _, script in (greeting(), opened()):
        script.at(5, MatchEnded("m1", word)).at(5.5, MatchEnded("m1", EndReason.HUNG_UP)).at(5.5, Tick())
        script.when_due(5 + FAREWELL, *left(reason, ENDS[reason].server, 2 + FAREWELL)).rests()


def test_the_peers_last_words_may_come_in_that_time() -> None:
    _, script = opened()
    script.at(5, MatchEnded("m1", EndReason.LEFT)).wakes(5 + FAREWELL)
    script.at(5.5, Over("m1", Ended.PEER_HUNG_UP), *left(Ended.PEER_HUNG_UP, EndReason.HUNG_UP, 2.5)).rests()


@pytest.mark.parametrize(
    ("news", "word", "code"),
    [
        (NoShow("m1"), EndReason.NO_SHOW, Code.PEER_NO_SHOW),
        (NoShow("m1", Code.BAD_TICKET), EndReason.NO_SHOW, Code.BAD_TICKET),
        (NoShow("m1", Code.UNSUPPORTED_VERSION), EndReason.NO_SHOW, Code.UNSUPPORTED_VERSION),
        (NoShow("m1", Code.NO_PATH), EndReason.NO_SHOW, Code.PEER_NO_SHOW),
        (Lost("m1"), EndReason.LOST, Code.PEER_NO_SHOW),
        (MatchEnded("m1", EndReason.NO_SHOW), None, Code.PEER_NO_SHOW),
        (MatchEnded("m1", EndReason.CANCELLED), None, Code.PEER_CANCELLED),
        (MatchEnded("m1", EndReason.LEFT), None, Code.PEER_CANCELLED),
    ],
)
def test_what_falls_through_has_ended_unless_another_stranger_is_sought(
    news: encounter.News, word: EndReason | None, code: Code
) -> None:
    told: list[encounter.Effect] = [EndMeeting("m1", Ended.PEER_LOST)]
    if word is not None:
        told.append(SendEndMatch("m1", word))
    machine, script = connecting()
    script.at(17, news, *told, FellThrough("m1", code)).rests()
    assert machine.is_over
    machine, script = connecting(TalkKind.CONTACT)
    script.at(17, news, *told, Emit(api.TalkEnded(Ended.PEER_LOST, 0.0, talk="m1"))).rests()
    assert machine.is_over


def test_an_attempt_to_meet_ends_or_is_withdrawn() -> None:
    machine, script = connecting()
    assert machine.end(Ended.LOGGED_OUT, now=2) == [*left(Ended.LOGGED_OUT, EndReason.CANCELLED, 0.0)]
    assert machine.is_over
    machine, script = connecting()
    assert machine.withdraw() == [
        EndMeeting("m1", Ended.YOU_HUNG_UP),
        SendEndMatch("m1", EndReason.CANCELLED),
    ]
    assert machine.is_over
    script.at(3, Met("m1")).rests()


@pytest.mark.parametrize("reason", [Ended.PEER_MISBEHAVED, Ended.PEER_HUNG_UP])
def test_a_talk_that_is_over_before_the_two_have_met_falls_through(reason: Ended) -> None:
    """A link that is authenticated but not chosen yet carries messages, also bad ones."""
    word = ENDS[reason].server
    machine, script = connecting()
    lost, told = EndMeeting("m1", Ended.PEER_LOST), SendEndMatch("m1", word)
    script.at(3, Over("m1", reason), lost, told, FellThrough("m1", Code.PEER_NO_SHOW)).rests()
    assert machine.is_over
    _, script = connecting(TalkKind.LOBBY)
    script.at(3, Over("m1", reason), *left(Ended.PEER_LOST, word, 0.0)).rests()
