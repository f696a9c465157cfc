from floater import api
from floater.core.emit import Emit
from floater.core.talk.orders import Send
from floater.core.talk.typing import TypingState
from floater.machine import Tick
from floater.wire import talk as wire

ON, OFF = Send(wire.Typing(True)), Send(wire.Typing(False))


def test_the_peer_is_told_every_two_seconds_at_most() -> None:
    typing = TypingState()
    assert typing.ours(True, now=0.0) == [ON]
    assert typing.ours(True, now=0.3) == []
    assert typing.deadline == 2.0
    assert typing.feed(Tick(), now=2.0) == [ON]
    assert typing.ours(False, now=2.5) == []
    assert typing.deadline == 4.0
    assert typing.feed(Tick(), now=4.0) == [OFF]
    assert typing.deadline is None


def test_who_never_wrote_need_not_say_so() -> None:
    typing = TypingState()
    assert typing.ours(False, now=0.0) == []
    assert typing.deadline is None


def test_a_text_speaks_for_itself() -> None:
    typing = TypingState()
    assert typing.ours(True, now=0.0) == [ON]
    typing.ours(True, now=0.5)
    typing.said()
    assert typing.deadline is None
    assert typing.ours(False, now=0.6) == []
    assert typing.ours(True, now=2.0) == [ON]


def test_the_peer_is_believed_for_six_seconds() -> None:
    typing = TypingState()
    assert typing.peer(True, now=0.0) == [Emit(api.PeerTyping(True))]
    assert typing.peer(True, now=2.0) == []
    assert typing.deadline == 8.0
    assert typing.feed(Tick(), now=7.0) == []
    assert typing.feed(Tick(), now=8.0) == [Emit(api.PeerTyping(False))]
    assert typing.peer(False, now=9.0) == []
    assert typing.deadline is None
