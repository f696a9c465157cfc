from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.talk.greeting import Greeting
from floater.core.talk.orders import Greeted, Say
from floater.errors import Refused
from floater.wire import talk as wire
from tests.helpers.playbook import Playbook


def said(language: str, seq: int = 0) -> wire.Greet:
    return wire.Greet(seq=seq, received=0, language=language)


def test_the_talk_opens_when_we_greet_first() -> None:
    (
        Playbook(Greeting())
        .at(0.0, api.Greet("zh"), Say(said("zh")))
        .at(1.0, said("fr", seq=1), Emit(api.PeerGreeted("fr", "Bonjour")), Greeted())
        .rests()
    )


def test_the_talk_opens_when_the_peer_greets_first() -> None:
    (
        Playbook(Greeting())
        .at(0.0, said("zh", seq=1), Emit(api.PeerGreeted("zh", "你好")))
        .at(1.0, api.Greet("ja"), Say(said("ja")), Greeted())
        .rests()
    )


def test_nobody_greets_twice() -> None:
    again = wire.Refuse(seq=0, received=0, of=2, code="already_greeted")
    (
        Playbook(Greeting())
        .at(0.0, api.Greet("zh"), Say(said("zh")))
        .refused(0.1, api.Greet("zh"), Code.ALREADY_GREETED, Refused)
        .at(1.0, said("en", seq=1), Emit(api.PeerGreeted("en", "Hello")), Greeted())
        .at(1.1, said("en", seq=2), Say(again))
        .refused(1.2, api.Greet("zh"), Code.ALREADY_GREETED, Refused)
        .rests()
    )


def test_a_peer_that_repeats_itself_before_we_greet_is_refused_too() -> None:
    again = wire.Refuse(seq=0, received=0, of=2, code="already_greeted")
    (
        Playbook(Greeting())
        .at(1.0, said("en", seq=1), Emit(api.PeerGreeted("en", "Hello")))
        .at(1.1, said("en", seq=2), Say(again))
        .at(1.2, api.Greet(""), Say(said("en")), Greeted())
        .rests()
    )


def test_a_language_nobody_knows_is_shown_as_one_that_everybody_does() -> None:
    (
        Playbook(Greeting())
        .at(0.0, said("<script>", seq=1), Emit(api.PeerGreeted("en", "Hello")))
        .at(1.0, api.Greet("zh-Hans-CN"), Say(said("zh")), Greeted())
        .rests()
    )


def test_the_gate_admits_greetings_goodbyes_and_refusals_only() -> None:
    greeting = Greeting()
    text = wire.Text(seq=1, received=0)
    free = (said("en", 1), wire.HangUp(seq=1, received=0), wire.Refuse(seq=1, received=0, of=1, code="x"))
    for event in (None, api.Greet("en"), said("en", 1)):
        if event is not None:
            greeting.feed(event, now=0.0)
        assert all(greeting.admits(message) for message in free)
        assert greeting.admits(text) == (event == said("en", 1))
