"""Several talks in one engine: each has a meeting, a talk and a deadline of its own."""

from dataclasses import replace

import pytest

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.engine import Engine, News, Open, Order, Wish
from floater.core.meet import orders
from floater.core.meet.introduction import Introduction
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.person import session, standing
from floater.core.talk.farewell import HANG_UP_TIME
from floater.core.talk.talk import TalkConfig
from floater.errors import Refused
from floater.machine import Tick
from floater.wire import talk as wire
from tests.helpers.introduced import introduced

TIMEOUT = MeetingSettings().timeout


def logged_in() -> Engine:
    engine = Engine(MeetingSettings(), TalkConfig(), Allowance())
    engine.feed(session.Online(), now=0.0)
    engine.feed(session.LoggedIn("alice", "token"), now=0.0)
    return engine


def introduction(talk: str) -> Introduction:
    return replace(introduced(talk), own=f"ours in {talk}".encode(), certificate=f"theirs in {talk}".encode())


def begin(engine: Engine, talk: str, *, now: float) -> None:
    """Begin a talk without a punch port."""
    engine.feed(standing.Introduced(introduction(talk), api.TalkKind.CONTACT), now=now)
    engine.feed(News(talk, orders.Begin(None)), now=now)


def meet(engine: Engine, talk: str, *, now: float) -> None:
    """Begin a talk, and let the relay join the two."""
    begin(engine, talk, now=now)
    for news in (orders.RelayJoined(1, "relay"), orders.Trusted(1), orders.Ready(1, 0, None, None)):
        engine.feed(News(talk, news), now=now)


def talks_of(effects: list[object]) -> set[str]:
    """Name the talks that effects are about."""
    told = {e.event.talk for e in effects if isinstance(e, Emit) and isinstance(e.event, api.TalkEvent)}
    return told | {e.talk for e in effects if isinstance(e, Order)}


def test_the_deadline_is_that_of_the_talk_that_is_due_first() -> None:
    engine = logged_in()
    begin(engine, "one", now=10.0)
    begin(engine, "two", now=4.0)
    assert engine.deadline == 4.0 + TIMEOUT
    engine.feed(Tick(), now=4.0 + TIMEOUT)
    assert [one.match_id for one in engine.standing.encounters] == ["one"]
    assert engine.deadline == 10.0 + TIMEOUT
    engine.feed(Tick(), now=10.0 + TIMEOUT)
    assert engine.deadline is None


def test_the_deadline_follows_what_one_of_two_talks_does() -> None:
    engine = logged_in()
    meet(engine, "one", now=0.0)
    meet(engine, "two", now=0.0)
    engine.feed(standing.HangUp("two"), now=0.5)
    assert engine.deadline == 0.5 + HANG_UP_TIME


def test_a_wish_and_its_echo_stay_in_the_talk_that_it_names() -> None:
    engine = logged_in()
    for talk in ("one", "two", "three"):
        meet(engine, talk, now=0.0)
    effects = engine.feed(Wish("two", api.Greet("de")), now=1.0)
    assert effects == [
        Emit(api.Greeted("de", "Hallo", talk="two")),
        Order("two", link.Transmit(1, wire.Greet(1, 0, "de"))),
    ]
    with pytest.raises(Refused) as caught:
        engine.feed(Wish("", api.Greet("de")), now=1.0)
    assert caught.value.code is Code.WHICH_TALK


def test_a_hang_up_ends_one_talk_and_a_log_out_the_rest() -> None:
    engine = logged_in()
    for talk in ("one", "two", "three"):
        meet(engine, talk, now=0.0)
    assert talks_of([*engine.feed(standing.HangUp("two"), now=1.0)]) == {"two"}
    assert [one.match_id for one in engine.standing.encounters] == ["one", "three"]
    assert talks_of([*engine.feed(standing.LogOut(), now=1.0)]) == {"one", "three"}
    assert engine.standing.encounters == ()


def test_a_peer_that_is_introduced_again_begins_nothing() -> None:
    engine = logged_in()
    again = standing.Introduced(introduction("one"), api.TalkKind.CONTACT)
    meet(engine, "one", now=0.0)
    assert engine.feed(again, now=1.0) == []
    engine.feed(standing.HangUp("one"), now=2.0)
    assert engine.feed(again, now=2.5) == []  # the first one still says goodbye
    over = engine.feed(Tick(), now=2.0 + HANG_UP_TIME)
    assert Order("one", orders.Finish(1, 1.0)) in over
    assert engine.feed(again, now=4.5) == []
    assert engine.feed(News("one", orders.Gone(1)), now=5.0) == [Order("one", orders.CloseAll())]
    assert Open(again.introduction) in engine.feed(again, now=6.0)
