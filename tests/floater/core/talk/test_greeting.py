from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.talk.greeting import Greeting
from floater.core.talk.orders import Greeted, Say
from floater.errors import Refused
from floater.machine import Tick
from floater.wire import talk as wire
from tests.helpers.playbook import Playbook


def heard(language: str, seq: int) -> wire.Greet:
    return wire.Greet(seq=seq, received=0, language=language)


def greeted(language: str, greeting: str) -> tuple[Emit, Say]:
    """What follows from a greeting of ours."""
    return Emit(api.Greeted(language, greeting)), Say(wire.Greet, language)


ZH = greeted("zh", "你好")
AGAIN = Say(wire.Refuse, 2, "already_greeted")


def test_the_talk_opens_when_we_greet_first() -> None:
    (
        Playbook(Greeting())
        .at(0.0, api.Greet("zh"), *ZH)
        .at(0.5, Tick())
        .at(1.0, heard("fr", 1), Emit(api.PeerGreeted("fr", "Bonjour")), Greeted())
        .rests()
    )


def test_the_talk_opens_when_the_peer_greets_first() -> None:
    (
        Playbook(Greeting())
        .at(0.0, heard("zh", 1), Emit(api.PeerGreeted("zh", "你好")))
        .at(1.0, api.Greet("ja"), *greeted("ja", "こんにちは"), Greeted())
        .rests()
    )


def test_nobody_greets_twice() -> None:
    (
        Playbook(Greeting())
        .at(0.0, api.Greet("zh"), *ZH)
        .refused(0.1, api.Greet("zh"), Code.ALREADY_GREETED, Refused)
        .at(1.0, heard("en", 1), Emit(api.PeerGreeted("en", "Hello")), Greeted())
        .at(1.1, heard("en", 2), AGAIN)
        .refused(1.2, api.Greet("zh"), Code.ALREADY_GREETED, Refused)
        .rests()
    )


def test_a_peer_that_repeats_itself_before_we_greet_is_refused_too() -> None:
    (
        Playbook(Greeting())
        .at(1.0, heard("en", 1), Emit(api.PeerGreeted("en", "Hello")))
        .at(1.1, heard("en", 2), AGAIN)
        .at(1.2, api.Greet(""), *greeted("en", "Hello"), Greeted())
        .rests()
    )


def test_a_language_nobody_knows_is_shown_as_one_that_everybody_does() -> None:
    (
        Playbook(Greeting())
        .at(0.0, heard("<script>", 1), Emit(api.PeerGreeted("en", "Hello")))
        .at(1.0, api.Greet("zh-Hans-CN"), *ZH, Greeted())
        .rests()
    )


def test_the_gate_admits_greetings_goodbyes_and_refusals_only() -> None:
    greeting = Greeting()
    text = wire.Text(seq=1, received=0)
    free = (heard("en", 1), wire.HangUp(seq=1, received=0), wire.Refuse(seq=1, received=0, of=1, code="x"))
    for event in (None, api.Greet("en"), heard("en", 1)):
        if event is not None:
            greeting.feed(event, now=0.0)
        assert all(greeting.admits(message) for message in free)
        assert greeting.admits(text) == (event == heard("en", 1))


def test_it_says_who_has_greeted() -> None:
    greeting = Greeting()
    seen = [(greeting.greeted, greeting.peer_greeted, greeting.is_open)]
    for event in (heard("en", 1), api.Greet("zh")):
        greeting.feed(event, now=0.0)
        seen.append((greeting.greeted, greeting.peer_greeted, greeting.is_open))
    assert seen == [(False, False, False), (False, True, False), (True, True, True)]
