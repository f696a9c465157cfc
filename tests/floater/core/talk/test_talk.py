import hashlib

import pytest

from floater import api
from floater.codes import Code
from floater.core.link import (
    Arrived,
    Check,
    LinkDown,
    LinkUp,
    PauseReading,
    ResumeReading,
    Transmit,
    Writable,
)
from floater.core.talk.conversation import RESERVE
from floater.core.talk.intake import MESSAGES
from floater.core.talk.talk import (
    AcceptTo,
    Emit,
    End,
    Greeted,
    Misbehaved,
    OfferFile,
    Over,
    State,
    Talk,
    Wish,
)
from floater.core.talk.transfer import FileCreated, FileStored
from floater.errors import LocalProtocolError, Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.limits import MAX_TEXT, MAX_UNACKNOWLEDGED
from tests.helpers.pair import FOLLOWER, LEADER, Pair, of_follower, of_leader
from tests.helpers.playbook import Playbook

GREETED = Emit(api.Greeted("zh", "你好"))
YOU, PEER = api.Ended.YOU_HUNG_UP, api.Ended.PEER_HUNG_UP


def greet(seq: int, received: int = 0) -> wire.Greet:
    return wire.Greet(seq=seq, received=received, language="zh")


def text(seq: int, received: int = 0) -> wire.Text:
    return wire.Text(seq=seq, received=received)


def said(seq: int, words: str) -> Emit:
    return Emit(api.Said(of_leader(seq), words))


def refuse(seq: int, received: int, of: int, code: Code) -> wire.Refuse:
    return wire.Refuse(seq=seq, received=received, of=of, code=code.value)


def linked() -> "Playbook[object, object]":
    """A leader's talk on link 1; nobody has greeted yet."""
    talk: Playbook[object, object] = Playbook(Talk(LEADER, FOLLOWER))  # type: ignore[arg-type]  # of its events
    return talk.at(0.0, LinkUp(1, 0), Transmit(1, wire.LinkPing(1))).at(0.1, Arrived(1, wire.LinkPong(1)))


def opened() -> "Playbook[object, object]":
    """The same, after both have greeted."""
    return (
        linked()
        .at(1.0, api.Greet("zh"), GREETED, Transmit(1, greet(1)))
        .at(
            1.1,
            Arrived(1, greet(1, received=1)),
            Emit(api.PeerGreeted("zh", "你好")),
            Greeted(),
            Transmit(1, wire.Ack(1)),
        )
    )


# -- the gate -----------------------------------------------------------------------------


def test_before_both_have_greeted_every_wish_is_refused() -> None:
    talk = linked()
    for _ in range(2):
        for wish in (
            api.SendText("hi"),
            api.Typing(True),
            AcceptTo(of_follower(1), ""),
            api.Cancel(of_follower(1)),
            api.Retry(of_leader(1)),
        ):
            talk.refused(0.5, wish, Code.NOT_GREETED, Refused)
        if not talk.machine.greeted:  # type: ignore[attr-defined]  # it is a talk
            talk.at(0.5, api.Greet("zh"), GREETED, Transmit(1, greet(1)))


def test_what_the_peer_says_too_early_is_refused_and_has_no_effect() -> None:
    (
        linked()
        .at(1.0, Arrived(1, text(1), b"hi"), Transmit(1, refuse(1, 1, 1, Code.NOT_GREETED)))
        .at(1.1, Arrived(1, greet(2)), Emit(api.PeerGreeted("zh", "你好")), Transmit(1, wire.Ack(2)))
        .at(1.2, Arrived(1, text(3), b"hi"), Transmit(1, refuse(2, 3, 3, Code.NOT_GREETED)))
        .at(1.3, Arrived(1, wire.Typing(True)))
        .at(1.3, Arrived(1, wire.Get(of_leader(1), 0, 5)))
        .at(1.3, Arrived(1, wire.Part(of_follower(1), 0), b"x"))
        .at(1.4, Arrived(1, refuse(4, 0, 1, Code.NOT_GREETED)), Transmit(1, wire.Ack(4)))
        .at(
            1.5,
            api.Greet("zh"),
            GREETED,
            Transmit(1, wire.Greet(seq=3, received=4, language="zh")),
            Greeted(),
        )
        .at(
            1.6,
            Arrived(1, text(5), b"now"),
            Emit(api.TextReceived(of_follower(5), "now")),
            Transmit(1, wire.Ack(5)),
        )
    )


# -- texts --------------------------------------------------------------------------------


def test_a_text_is_sent_and_delivered() -> None:
    talk = opened().at(
        2.0,
        api.SendText("你好吗"),
        Transmit(1, text(2, 1), "你好吗".encode()),
        said(2, "你好吗"),
    )
    assert talk.machine.last_id == of_leader(2)  # type: ignore[attr-defined]  # it is a talk
    talk.at(2.2, Arrived(1, wire.Ack(2)), Emit(api.Delivered(of_leader(2)))).wakes(17.2)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", Code.TEXT_EMPTY),
        (" \n", Code.TEXT_EMPTY),
        ("x" * (MAX_TEXT + 1), Code.TEXT_TOO_LONG),
        ("字" * 21_846, Code.TEXT_TOO_LONG),
    ],
)
def test_a_text_of_no_fit_size_is_refused(words: str, code: Code) -> None:
    opened().refused(2.0, api.SendText(words), code, Refused).wakes(16.1)


def test_the_longest_text_gets_there() -> None:
    pair = Pair()
    words = "字" * 21_845 + "x"
    pair.leader.feed(api.SendText(words))
    pair.run(1.0)
    assert pair.follower.texts == [words]


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xed\xa0\x80", b"x" * (MAX_TEXT + 1)])
def test_a_text_that_is_none_is_a_fault_of_the_peer(body: bytes) -> None:
    opened().refused(2.0, Arrived(1, text(2), body), Code.BAD_FIELD, RemoteProtocolError)


def test_a_text_that_is_not_acknowledged_counts_as_undelivered_until_it_is() -> None:
    pair = Pair()
    pair.cut()
    pair.leader.feed(api.SendText("a"))
    pair.run(19.9)
    echo = api.Said(of_leader(2), "a")
    assert pair.leader.events == [echo]
    pair.run(0.2)
    undelivered = api.Undelivered(of_leader(2), api.Error("not_delivered", ""))
    assert pair.leader.events == [echo, undelivered]
    pair.leader.feed(api.Retry(of_leader(2)))
    pair.run(20.1)
    assert pair.leader.events == [echo, undelivered, undelivered]
    pair.switch()
    pair.run(1.0)
    assert pair.leader.events == [echo, undelivered, undelivered, api.Delivered(of_leader(2))]
    assert pair.follower.texts == ["a"]
    pair.leader.feed(api.Retry(of_leader(2)))
    pair.run(30.0)
    assert pair.follower.texts == ["a"]


@pytest.mark.parametrize(
    "message_id",
    [
        "",
        LEADER,
        f"{LEADER}.",
        f"{LEADER}.0",
        f"{LEADER}.99",
        f"{FOLLOWER}.1",
        f"{'2' * 16}.1",
        f"{LEADER}.x",
        f"{LEADER}.²",
        "1",
        ".1",
        f"{LEADER}.01",
        f"{LEADER}.١",
        f"{LEADER}.1\n",
        f" {LEADER}.1",
        f"{LEADER}.{'9' * 17}",
        f"{LEADER}.{'9' * 5_000}",
        "L1",
    ],
    ids=lambda message_id: message_id[:20] or "empty",
)
def test_only_a_message_of_ours_can_be_tried_again(message_id: str) -> None:
    opened().refused(2.0, api.Retry(message_id), Code.NO_SUCH_MESSAGE, Refused)


def test_trying_again_has_a_link_that_answers_asked_and_a_silent_one_suspected() -> None:
    pair = Pair()
    pair.link.silent = True
    pair.leader.feed(api.SendText("a"))
    pair.run(0.5)
    pair.leader.feed(api.Retry(of_leader(2)))
    assert pair.link.log[-1][1] == "LinkPing"
    pair.run(1.0)
    pair.leader.feed(api.Retry(of_leader(2)))
    assert pair.leader.suspects == [1]


def test_a_text_that_the_peer_refuses_is_undelivered() -> None:
    (
        opened()
        .at(2.0, api.SendText("a"), Transmit(1, text(2, 1), b"a"), said(2, "a"))
        .at(
            2.1,
            Arrived(1, refuse(2, 2, 2, Code.NOT_GREETED)),
            Emit(api.Undelivered(of_leader(2), api.Error("not_greeted", ""))),
            Transmit(1, wire.Ack(2)),
        )
        .refused(2.2, Arrived(1, refuse(3, 2, 9, Code.NOT_GREETED)), Code.BAD_FIELD, RemoteProtocolError)
    )


def test_what_a_later_version_says_is_counted_and_refused_politely() -> None:
    (
        opened()
        .at(2.0, Arrived(1, wire.Unknown(2, 1)), Transmit(1, refuse(2, 2, 2, Code.UNKNOWN_TYPE)))
        .at(
            2.1,
            Arrived(1, text(3), b"hi"),
            Emit(api.TextReceived(of_follower(3), "hi")),
            Transmit(1, wire.Ack(3)),
        )
    )


def test_a_message_about_no_transfer_is_refused_politely() -> None:
    (
        opened()
        .at(
            2.0,
            Arrived(1, wire.Cancel(seq=2, received=1, transfer=of_leader(7))),
            Transmit(1, refuse(2, 2, 2, Code.NO_SUCH_TRANSFER)),
        )
        .at(
            2.0,
            Arrived(1, wire.Complete(seq=3, received=1, transfer=of_follower(7), sha256=bytes(32))),
            Transmit(1, refuse(3, 3, 3, Code.NO_SUCH_TRANSFER)),
        )
        .at(2.1, Arrived(1, wire.Part(of_follower(7), 0), b"late"))
        .at(2.1, Arrived(1, wire.Get(of_leader(7), 0, 1)))
        .refused(2.2, api.Pause(of_follower(7)), Code.NO_SUCH_TRANSFER, Refused)
    )


def test_writing_is_shown_and_ends_with_the_text() -> None:
    pair = Pair()
    pair.leader.feed(api.Typing(True))
    pair.run(0.5)
    pair.leader.feed(api.SendText("a"))
    pair.run(10.0)
    assert pair.follower.events == [
        api.PeerTyping(True),
        api.PeerTyping(False),
        api.TextReceived(of_leader(2), "a"),
    ]


def test_what_belongs_to_an_old_link_is_out_of_date() -> None:
    (
        opened()
        .at(2.0, LinkUp(2, 1), Transmit(2, wire.Ack(1)), Transmit(2, wire.LinkPing(2)))
        .at(2.1, Arrived(1, wire.Typing(True)))
        .at(2.1, Writable(1))
        .at(2.2, Arrived(2, wire.Typing(True)), Emit(api.PeerTyping(True)))
        .at(2.3, LinkDown(1))
        .at(2.4, api.SendText("a"), Transmit(2, text(2, 1), b"a"), said(2, "a"))
    )


def test_what_may_be_said_is_asked_of_the_talk() -> None:
    for book, refusal in (
        (linked(), Code.NOT_GREETED),
        (opened(), None),
        (opened().at(2.0, LinkDown(1)).at(2.0, api.HangUp(), Over(YOU)), Code.NO_TALK),
    ):
        assert book.machine.refusal is refusal  # type: ignore[attr-defined]  # it is a talk


def test_it_says_who_has_greeted() -> None:
    talk = Talk(LEADER, FOLLOWER)
    talk.feed(LinkUp(1, 0), now=0.0)
    seen = [(talk.greeted, talk.peer_greeted, talk.state)]
    for event in (Arrived(1, greet(1)), api.Greet("zh")):
        talk.feed(event, now=1.0)
        seen.append((talk.greeted, talk.peer_greeted, talk.state))
    assert seen == [(False, False, State.QUIET), (False, True, State.QUIET), (True, True, State.OPEN)]


def test_one_name_for_both_sides_is_no_talk() -> None:
    with pytest.raises(LocalProtocolError):
        Talk(LEADER, LEADER)


def test_typing_is_told_over_a_link_only() -> None:
    opened().at(2.0, LinkDown(1)).at(2.1, api.Typing(True)).at(4.2, Tick())


def test_a_check_asks_the_link() -> None:
    opened().at(2.0, Check(), Transmit(1, wire.LinkPing(2)))


def test_no_wish_fills_the_outbox_up() -> None:
    pair = Pair()
    theirs = pair.follower.offer(b"x")
    pair.run(1.0)
    pair.cut()
    for _ in range(MAX_UNACKNOWLEDGED - RESERVE):
        pair.leader.feed(api.SendText("x"))
    wishes: list[Wish] = [api.SendText("x"), OfferFile(9, "a", "b/c", 1), AcceptTo(theirs, "/x")]
    for wish in wishes:
        with pytest.raises(Refused) as refused:
            pair.leader.feed(wish)
        assert refused.value.code is Code.OUTBOX_FULL


# -- the end ------------------------------------------------------------------------------


def test_who_hangs_up_waits_for_the_acknowledgement() -> None:
    (
        opened()
        .at(2.0, api.HangUp(), Transmit(1, wire.HangUp(seq=2, received=1)))
        .refused(2.05, api.SendText("wait"), Code.NO_TALK, Refused)
        .at(2.05, api.HangUp())
        .at(2.1, Arrived(1, wire.Ack(2)), Over(YOU))
        .refused(2.2, api.HangUp(), Code.NO_TALK, Refused)
        .at(2.3, Arrived(1, text(2), b"late"))
        .at(2.3, LinkDown(1))
        .at(2.3, Tick())
        .rests()
    )


def test_nothing_is_said_after_a_hang_up() -> None:
    (
        opened()
        .at(2.0, api.HangUp(), Transmit(1, wire.HangUp(seq=2, received=1)))
        .at(2.1, Arrived(1, greet(2)), Transmit(1, wire.Ack(2)))
        .at(
            2.2,
            Arrived(1, text(3), b"bye"),
            Emit(api.TextReceived(of_follower(3), "bye")),
            Transmit(1, wire.Ack(3)),
        )
    )


def test_what_came_too_early_is_not_answered_after_a_hang_up() -> None:
    (
        linked()
        .at(2.0, api.HangUp(), Transmit(1, wire.HangUp(seq=1, received=0)))
        .at(2.1, Arrived(1, text(1), b"hi"), Transmit(1, wire.Ack(1)))
    )


def test_a_peer_that_misbehaves_is_told_how_and_hung_up_on() -> None:
    hang_up = Transmit(1, wire.HangUp(seq=2, received=1, code="out_of_order"))
    fault = Code.OUT_OF_ORDER
    (
        opened()
        .refused(2.0, Arrived(1, text(9)), fault, RemoteProtocolError)
        .at(2.0, Misbehaved(fault), hang_up, Over(api.Ended.PEER_MISBEHAVED, fault))
        .at(2.1, Misbehaved(fault))
        .rests()
    )


def test_who_is_told_of_a_fault_is_hung_up_on_and_the_code_is_for_the_log() -> None:
    pair = Pair()
    pair.leader.feed(Misbehaved(Code.BAD_FIELD))
    pair.run(1.0)
    assert pair.leader.over == [Over(api.Ended.PEER_MISBEHAVED, Code.BAD_FIELD)]
    assert pair.follower.over == [Over(PEER, Code.BAD_FIELD)]
    assert pair.follower.events == []


def test_who_acknowledges_nothing_is_hung_up_on() -> None:
    """The outbox is full of answers; its last place is kept for the hang-up."""
    talk = Talk(LEADER, FOLLOWER)
    talk.feed(LinkUp(1, 0), now=0.0)
    for seq in range(1, MAX_UNACKNOWLEDGED):
        talk.feed(Arrived(1, text(seq), b"x"), now=1.0)
    over = Over(api.Ended.PEER_MISBEHAVED, Code.OUTBOX_FULL)
    hang_up = wire.HangUp(seq=MAX_UNACKNOWLEDGED, received=MAX_UNACKNOWLEDGED, code="outbox_full")
    done = talk.feed(Arrived(1, text(MAX_UNACKNOWLEDGED), b"x"), now=1.0)
    assert [effect for effect in done if not isinstance(effect, PauseReading)] == [Transmit(1, hang_up), over]
    assert talk.feed(Misbehaved(Code.OUTBOX_FULL), now=1.0) == []


def in_a_talk() -> Talk:
    """A leader's talk on link 1, in which both have greeted."""
    talk = Talk(LEADER, FOLLOWER)
    talk.feed(LinkUp(1, 0), now=0.0)
    talk.feed(Arrived(1, greet(1), b""), now=0.0)
    talk.feed(api.Greet("zh"), now=0.0)
    return talk


def test_a_file_that_is_stored_is_told_although_the_peer_leaves_no_room_to_say_so() -> None:
    talk = in_a_talk()
    talk.feed(Arrived(1, wire.Offer(2, 1, "a.txt", "text/plain", 0), b""), now=0.0)
    transfer = of_follower(2)
    talk.feed(AcceptTo(transfer, "/d"), now=0.0)
    talk.feed(FileCreated(transfer), now=0.0)
    talk.feed(Arrived(1, wire.Complete(3, 1, transfer, hashlib.sha256().digest()), b""), now=0.0)
    for seq in range(4, MAX_UNACKNOWLEDGED + 2):
        talk.feed(Arrived(1, wire.Unknown(seq, 1), b""), now=0.0)
    assert not talk.is_over
    told = talk.feed(FileStored(transfer, "/d/a.txt"), now=0.0)
    assert any(isinstance(effect, Emit) and isinstance(effect.event, api.Received) for effect in told), told
    assert Over(api.Ended.PEER_MISBEHAVED, Code.OUTBOX_FULL) in told


def test_a_hang_up_that_acknowledges_our_text_does_not_make_it_undelivered() -> None:
    talk = in_a_talk()
    talk.feed(api.SendText("hi"), now=0.0)
    done = talk.feed(Arrived(1, wire.HangUp(2, 2), b""), now=0.1)
    assert [effect for effect in done if isinstance(effect, Emit)] == [Emit(api.Delivered(talk.last_id))]


def test_our_person_can_hang_up_though_the_peer_acknowledges_nothing() -> None:
    talk = Talk(LEADER, FOLLOWER)
    talk.feed(LinkUp(1, 0), now=0.0)
    for seq in range(1, MAX_UNACKNOWLEDGED):
        talk.feed(Arrived(1, text(seq), b"x"), now=1.0)
    hang_up = wire.HangUp(seq=MAX_UNACKNOWLEDGED, received=MAX_UNACKNOWLEDGED - 1)
    assert talk.feed(api.HangUp(), now=1.0) == [Transmit(1, hang_up)]


def test_who_hangs_up_waits_for_two_seconds_at_most() -> None:
    (
        opened()
        .at(2.0, api.HangUp(), Transmit(1, wire.HangUp(seq=2, received=1)))
        .when_due(3.0, Transmit(1, wire.LinkPing(2)))
        .when_due(4.0, Over(YOU))
        .rests()
    )


def test_who_is_hung_up_on_says_that_it_heard() -> None:
    hang_up = wire.HangUp(seq=2, received=1)
    opened().at(2.0, Arrived(1, hang_up), Transmit(1, wire.Ack(2)), Over(PEER)).rests()


def test_a_hang_up_needs_no_greeting() -> None:
    hang_up = wire.HangUp(seq=1, received=0)
    linked().at(2.0, Arrived(1, hang_up), Transmit(1, wire.Ack(1)), Over(PEER)).rests()
    linked().at(2.0, api.HangUp(), Transmit(1, wire.HangUp(seq=1, received=0)))


def test_without_a_link_a_hang_up_is_at_once() -> None:
    opened().at(2.0, LinkDown(1)).at(2.5, api.HangUp(), Over(YOU)).rests()
    (
        opened()
        .at(2.0, api.HangUp(), Transmit(1, wire.HangUp(seq=2, received=1)))
        .at(2.5, LinkDown(1), Over(YOU))
        .rests()
    )


@pytest.mark.parametrize("apart", [0.0, 0.005, 0.01, 0.015, 0.5])
def test_both_may_hang_up_at_once(apart: float) -> None:
    pair = Pair(latency=0.01)
    pair.leader.feed(api.HangUp())
    pair.run(apart)
    late = pair.follower.over != []
    if not late:
        pair.follower.feed(api.HangUp())
    pair.run(5.0)
    assert [over.reason for over in pair.leader.over] == [YOU]
    assert [over.reason for over in pair.follower.over] == [PEER if late else YOU]
    for side in pair.sides:
        assert side.talk.deadline is None


def test_a_talk_that_ends_from_outside_says_goodbye_if_it_can() -> None:
    lost = api.Ended.PEER_LOST
    hang_up = Transmit(1, wire.HangUp(seq=2, received=1))
    opened().at(2.0, End(lost), hang_up, Over(lost)).at(2.1, End(lost)).rests()
    opened().at(2.0, LinkDown(1)).at(3.0, End(lost), Over(lost)).rests()


def test_what_is_open_at_the_end_is_told() -> None:
    pair = Pair()
    files = [pair.leader.offer(b"a" * 1_000_000), pair.leader.offer(b"b")]
    theirs = pair.follower.offer(b"c")
    pair.run(1.0)
    pair.cut()
    pair.leader.feed(api.SendText("lost"))
    pair.leader.events.clear()
    pair.leader.feed(api.HangUp())
    ended = api.Error("talk_ended", "")
    assert pair.leader.events == [
        *(api.Failed(file, ended) for file in files),
        api.Failed(theirs, ended),
        api.Undelivered(of_leader(4), api.Error("not_delivered", "")),
    ]
    assert pair.leader.disk.sources == {}
    assert pair.leader.talk.state is State.OVER


def test_our_own_hang_up_settles_all_at_once_and_what_crosses_it_changes_nothing() -> None:
    pair = Pair(latency=0.05)
    file = pair.leader.offer(b"a" * 1_000_000)
    pair.run(1.0)
    pair.follower.feed(AcceptTo(file, ""))
    pair.leader.feed(api.SendText("last words"))
    pair.leader.events.clear()
    pair.leader.feed(api.HangUp())
    settled = [
        api.Failed(file, api.Error("talk_ended", "")),
        api.Undelivered(of_leader(3), api.Error("not_delivered", "")),
    ]
    assert pair.leader.events == settled
    assert pair.leader.over == []
    pair.run(3.0)
    assert [over.reason for over in pair.leader.over] == [YOU]
    assert pair.leader.events == settled
    assert pair.follower.told(api.TextReceived) == [api.TextReceived(of_leader(3), "last words")]
    assert [over.reason for over in pair.follower.over] == [PEER]


def test_a_message_of_the_other_machine_is_left_alone() -> None:
    opened().at(2.0, Arrived(1, wire.Choose(1)))


def test_a_peer_that_talks_too_much_is_not_read_for_a_while() -> None:
    talk = Talk(LEADER, FOLLOWER)
    talk.feed(LinkUp(1, 0), now=0.0)
    effects: list[object] = []
    for seq in range(1, int(MESSAGES[1]) + 2):
        effects += talk.feed(Arrived(1, text(seq), b"x"), now=1.0)
    assert [effect for effect in effects if isinstance(effect, PauseReading)] == [PauseReading(1)]
    assert talk.deadline is not None
    assert ResumeReading(1) in talk.feed(Tick(), now=1.0 + 1 / MESSAGES[0])
    assert not talk.is_over
