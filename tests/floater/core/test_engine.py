"""Scripts for the whole client: the real machines, with every order and every event compared."""

from dataclasses import replace
from typing import Final

import pytest

from floater import api
from floater.codes import Code
from floater.core import engine, link
from floater.core.emit import Emit
from floater.core.engine import CheckServer, Engine, Fault, News, Open, Order, Wish
from floater.core.meet import orders as meet
from floater.core.meet.introduction import Introduction
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.person import encounter, search, session, standing
from floater.core.person.encounter import FAREWELL, SendEndMatch
from floater.core.talk.conversation import ACK_INTERVAL
from floater.core.talk.farewell import HANG_UP_TIME
from floater.core.talk.talk import TalkConfig
from floater.core.talk.transfer import CloseFile, OfferFile, ReadBlock, ReadFailed
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.control import EndReason, Role
from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.message_id import author_of, make_message_id
from tests.helpers.introduced import introduced
from tests.helpers.playbook import Playbook

Script = Playbook[engine.Event, engine.Effect]

STRANGER, LOBBY = api.TalkKind.STRANGER, api.TalkKind.LOBBY
HELLO, NI_HAO = "Hello", "你好"
OURS: Final = author_of(introduced().own)
THEIRS: Final = author_of(introduced().certificate)


def tell(*events: api.Event) -> list[engine.Effect]:
    return [Emit(event) for event in events]


def state(value: api.State) -> Emit:
    return Emit(api.StateChanged(value))


def stands(where: api.Standing, talk: str = "m1", kind: api.TalkKind = STRANGER) -> Emit:
    return Emit(api.TalkChanged(kind, "Bob", where, talk=talk))


def ended(reason: api.Ended, lasted: float, talk: str = "m1") -> Emit:
    return Emit(api.TalkEnded(reason, lasted, talk=talk))


def send(message: wire.TalkMessage, body: bytes = b"", talk: str = "m1") -> Order:
    return Order(talk, link.Transmit(1, message, body))


def heard(message: wire.TalkMessage, body: bytes = b"", talk: str = "m1") -> News:
    return News(talk, link.Arrived(1, message, body))


def at_home() -> tuple[Engine, Script]:
    machine = Engine(MeetingSettings(), TalkConfig(), Allowance())
    script: Script = Playbook(machine)
    script.at(0, session.Online())
    script.at(0, session.LoggedIn("Ann", "t"), session.KeepToken("t"), state(api.State.HOME))
    return machine, script


def seeking() -> tuple[Engine, Script]:
    machine, script = at_home()
    script.at(1, search.Seek(), state(api.State.SEEKING), search.SendSeek(1))
    script.at(1, search.Sent(1)).at(1, search.SeekAnswered(1, None), search.Settled())
    return machine, script


def matched(introduction: Introduction | None = None) -> tuple[Engine, Script]:
    """A stranger was found at 2; the proof is still being checked."""
    machine, script = seeking()
    introduction = introduction or introduced()
    script.at(
        2,
        standing.Introduced(introduction),
        *tell(api.Matched("m1", api.PeerName("Bob"), talk="m1")),
        state(api.State.CONNECTING),
        stands(api.Standing.CONNECTING),
        Open(introduction),
    )
    return machine, script


def came(script: Script, talk: str = "m1") -> Script:
    """The proof holds, and the relay joins the two: the peer proves to be there, at 3."""
    trying = api.Trying([api.PathKind.RELAY], "crossing", talk=talk)
    script.at(2, News(talk, meet.Begin(None)), Order(talk, meet.JoinRelay()), Emit(trying))
    return script.at(3, News(talk, meet.RelayJoined(1, "relay")), Order(talk, meet.Authenticate(1)))


def greeting() -> tuple[Engine, Script]:
    machine, script = matched()
    came(script)
    script.at(3, News("m1", meet.Trusted(1)), send(wire.Choose(1)))
    met = machine.feed(News("m1", meet.Ready(1, 0, 0.1)), now=3)
    assert met[:3] == [
        state(api.State.GREETING),
        stands(api.Standing.GREETING),
        send(wire.LinkPing(1)),
    ]
    (path,) = met[3:]
    assert isinstance(path, Emit)
    assert isinstance(path.event, api.Path)
    assert (path.event.talk, path.event.kind, path.event.took_ms) == ("m1", api.PathKind.RELAY, 1_000)
    return machine, script


def talking() -> tuple[Engine, Script]:
    """The stranger's talk is open since 4, and met at 3."""
    machine, script = greeting()
    greeted = Emit(api.Greeted("en", HELLO, talk="m1"))
    script.at(4, Wish("", api.Greet("en")), greeted, send(wire.Greet(1, 0, "en")))
    script.at(
        4,
        heard(wire.Greet(1, 1, "zh")),
        *tell(api.PeerGreeted("zh", NI_HAO, talk="m1")),
        state(api.State.TALKING),
        stands(api.Standing.OPEN),
    )
    script.when_due(4 + ACK_INTERVAL, send(wire.Ack(1)))
    return machine, script


def with_lobby(machine: Engine, script: Script, talk: str) -> None:
    """A talk of the lobby is open since 4, and met at 3; the times of its steps need not be in order."""
    script.at(
        4.1,
        standing.Introduced(introduced(talk), LOBBY),
        stands(api.Standing.CONNECTING, talk, LOBBY),
        Open(introduced(talk)),
    )
    machine.feed(News(talk, meet.Begin(None)), now=4.1)
    machine.feed(News(talk, meet.RelayJoined(1, "relay")), now=4.2)
    machine.feed(News(talk, meet.Trusted(1)), now=4.2)
    met = machine.feed(News(talk, meet.Ready(1, 0, 0.1)), now=4.2)
    assert met[:1] == [stands(api.Standing.GREETING, talk, LOBBY)]
    machine.feed(Wish(talk, api.Greet("en")), now=4.2)
    script.at(
        4.2,
        heard(wire.Greet(1, 1, "zh"), talk=talk),
        *tell(api.PeerGreeted("zh", NI_HAO, talk=talk)),
        stands(api.Standing.OPEN, talk, LOBBY),
    )
    script.when_due(4.2 + ACK_INTERVAL, send(wire.Ack(1), talk=talk))


def three() -> tuple[Engine, Script]:
    """A stranger's talk and two of the lobby, all open."""
    machine, script = talking()
    with_lobby(machine, script, "a")
    with_lobby(machine, script, "b")
    return machine, script


# -- one talk -----------------------------------------------------------------------------


def test_a_stranger_is_met_greeted_and_talked_to() -> None:
    machine, script = talking()
    said, answer = make_message_id(OURS, 2), make_message_id(THEIRS, 2)
    script.at(
        5,
        Wish("", api.SendText("hi")),
        send(wire.Text(2, 1), b"hi"),
        Emit(api.Said(said, "hi", talk="m1")),
    )
    assert machine.talk().last_id == said
    script.at(
        5.1,
        heard(wire.Text(2, 2), b"ho"),
        *tell(api.TextReceived(answer, "ho", talk="m1"), api.Delivered(said, talk="m1")),
        send(wire.Ack(2)),
    )
    assert machine.received("m1") == 2
    assert machine.received("m2") == 0


def test_a_wish_needs_a_talk_whose_two_have_met() -> None:
    _, script = at_home()
    script.refused(1, Wish("", api.SendText("hi")), Code.NO_TALK)
    _, script = matched()
    script.refused(2, Wish("", api.Greet("en")), Code.NO_TALK)
    script.refused(2, Wish("m1", api.Greet("en")), Code.NO_TALK)
    script.refused(2, Wish("m2", api.Greet("en")), Code.NO_TALK)
    _, script = greeting()
    script.refused(3, Wish("", api.SendText("hi")), Code.NOT_GREETED)


def test_our_hang_up_is_told_at_once_and_said_until_it_is_acknowledged() -> None:
    _, script = talking()
    said = make_message_id(OURS, 2)
    script.at(
        5,
        Wish("", api.SendText("hi")),
        send(wire.Text(2, 1), b"hi"),
        Emit(api.Said(said, "hi", talk="m1")),
    )
    script.at(
        6,
        standing.HangUp(),
        Emit(api.Undelivered(said, api.Error("not_delivered", ""), talk="m1")),
        send(wire.HangUp(3, 1)),
        SendEndMatch("m1", EndReason.HUNG_UP),
        ended(api.Ended.YOU_HUNG_UP, 3),
        state(api.State.HOME),
        stands(api.Standing.OVER),
    )
    script.refused(6, Wish("m1", api.SendText("more")), Code.NO_TALK)
    script.at(6.1, heard(wire.Text(2, 1), b"crossed"), send(wire.Ack(2)))
    script.at(6.2, heard(wire.Ack(3)), Order("m1", meet.Finish(1, 1.0)))
    script.at(6.3, News("m1", meet.Gone(1)), Order("m1", meet.CloseAll()))
    script.at(6.4, News("m1", meet.Gone(1))).at(6.4, heard(wire.Ack(3)))
    script.rests()


def test_a_hang_up_is_given_up_when_its_link_is_silent_or_after_a_while() -> None:
    machine, script = talking()
    machine.feed(standing.HangUp("m1"), now=6)
    closed = Order("m1", meet.CloseStream(1)), Order("m1", meet.JoinRelay()), Order("m1", meet.CloseAll())
    script.when_due(7, *closed).rests()
    machine, script = talking()
    machine.feed(standing.HangUp("m1"), now=6)
    script.at(6.9, heard(wire.LinkPong(1)))
    effects: list[engine.Effect] = []
    while Order("m1", meet.Finish(1, 1.0)) not in effects:
        assert machine.deadline is not None
        effects = machine.feed(Tick(), now=machine.deadline)
        assert not [effect for effect in effects if isinstance(effect, Emit)], "the end was told already"
        script.at(6 + HANG_UP_TIME - 0.01, heard(wire.LinkPong(1)))
    script.rests()


def test_the_hang_up_of_the_peer_ends_the_talk_and_its_fault_is_ours() -> None:
    _, script = talking()
    script.at(
        5,
        heard(wire.HangUp(2, 1, "bad_field")),
        send(wire.Ack(2)),
        Fault("m1", Code.BAD_FIELD, is_ours=True),
        SendEndMatch("m1", EndReason.HUNG_UP),
        ended(api.Ended.PEER_HUNG_UP, 2),
        state(api.State.HOME),
        stands(api.Standing.OVER),
        Order("m1", meet.Finish(1, 1.0)),
    )
    script.at(5, News("m1", meet.Gone(1)), Order("m1", meet.CloseAll())).rests()


def misbehaved(code: Code) -> tuple[engine.Effect, ...]:
    return (
        Fault("m1", code, is_ours=False),
        SendEndMatch("m1", EndReason.REFUSED),
        ended(api.Ended.PEER_MISBEHAVED, 2),
        state(api.State.HOME),
        stands(api.Standing.OVER),
    )


def test_a_peer_that_breaks_the_protocol_of_the_talk_is_told_so() -> None:
    _, script = talking()
    script.at(
        5,
        heard(wire.Text(9, 1), b"a gap"),
        send(wire.HangUp(2, 1, "out_of_order")),
        *misbehaved(Code.OUT_OF_ORDER),
        Order("m1", meet.Finish(1, 1.0)),
    )


def test_a_peer_that_breaks_the_protocol_of_a_link_ends_the_talk() -> None:
    machine, script = talking()
    effects = machine.feed(News("m1", meet.Gone(1, Code.BAD_FRAME)), now=5)
    assert [effect for effect in effects if not isinstance(effect, Order)] == [*misbehaved(Code.BAD_FRAME)]
    assert effects[-1] == Order("m1", meet.CloseAll())
    script.rests()


def test_a_link_that_is_silent_is_told_once_all_has_been_said_and_the_server_is_checked() -> None:
    machine, script = talking()
    machine.feed(Wish("", api.SendText("hi")), now=5)
    script.wakes(7).at(
        7,
        Tick(),
        Order("m1", meet.CloseStream(1)),
        Emit(api.PeerAway(30.0, talk="m1")),
        CheckServer(),
        Order("m1", meet.JoinRelay()),
    )


def test_a_network_change_makes_the_talk_check_its_link() -> None:
    machine, script = talking()
    effects = machine.feed(News("m1", meet.NetworkChanged(frozenset())), now=5)
    assert effects == [send(wire.LinkPing(2))]
    script.at(5.1, heard(wire.LinkPong(2)))


def test_a_peer_that_stays_away_is_lost() -> None:
    machine, script = talking()
    script.at(5, session.Offline())
    machine.feed(News("m1", meet.Gone(1)), now=5)
    told: list[engine.Effect] = []
    while state(api.State.HOME) not in told:
        assert machine.deadline is not None
        told = machine.feed(Tick(), now=machine.deadline)
    assert told[-4:] == [
        ended(api.Ended.SERVER_CLOSED, 32),
        state(api.State.HOME),
        stands(api.Standing.OVER),
        Order("m1", meet.CloseAll()),
    ]
    script.rests()


def test_the_file_of_a_talk_is_read_and_closed_by_its_orders() -> None:
    machine, _ = talking()
    offer = OfferFile(7, "a.bin", "application/octet-stream", 3)
    (offered, said) = machine.feed(Wish("m1", offer), now=5)
    transfer = machine.talk("m1").last_id
    assert isinstance(offered, Emit)
    assert isinstance(offered.event, api.Offered)
    assert (offered.event.talk, offered.event.transfer_id) == ("m1", transfer)
    assert isinstance(said, Order)
    machine.feed(heard(wire.Accept(2, 2, transfer)), now=5)
    got = machine.feed(heard(wire.Get(transfer, 0, 2)), now=5)
    assert Order("m1", ReadBlock(7, 0, 3)) in got
    failed = machine.feed(News("m1", ReadFailed(7, Code.FILE_UNREADABLE)), now=5)
    assert Order("m1", CloseFile(7)) in failed
    assert machine.feed(News("m2", ReadFailed(7, Code.FILE_UNREADABLE)), now=5) == []


# -- before the two have met --------------------------------------------------------------


def fell_through(reason: EndReason, notice: Code) -> tuple[engine.Effect, ...]:
    return (
        SendEndMatch("m1", reason),
        *tell(api.Notice(notice.value, "")),
        state(api.State.SEEKING),
        stands(api.Standing.OVER),
        search.SendSeek(2, "m1"),
        Order("m1", meet.CloseAll()),
    )


def test_a_proof_that_does_not_hold_makes_the_search_go_on() -> None:
    _, script = matched()
    denied = News("m1", meet.Denied(Code.BAD_TICKET))
    script.at(2, denied, *fell_through(EndReason.NO_SHOW, Code.BAD_TICKET)).rests()


def test_a_peer_that_does_not_come_makes_the_search_go_on() -> None:
    machine, script = matched(replace(introduced(), relay=None))
    effects = machine.feed(News("m1", meet.Begin(None)), now=2)
    while machine.deadline is not None:
        effects = machine.feed(Tick(), now=machine.deadline)
    assert effects == [*fell_through(EndReason.NO_SHOW, Code.PEER_NO_SHOW)]
    script.rests()


def test_a_peer_that_misbehaves_before_a_link_is_chosen_makes_the_search_go_on() -> None:
    """The follower waits for the leader's choice; the link that is authenticated already carries messages."""
    machine, script = matched(replace(introduced(), role=Role.FOLLOWER))
    came(script)
    script.at(3, News("m1", meet.Trusted(1))).at(3, News("m1", meet.Ready(1, 0, 0.1)))
    effects = machine.feed(News("m1", meet.Gone(1, Code.BAD_FRAME)), now=3)
    fault, *rest = effects
    assert fault == Fault("m1", Code.BAD_FRAME, is_ours=False)
    told = [effect for effect in rest if effect not in (Order("m1", meet.JoinRelay()),)]
    assert told == [*fell_through(EndReason.REFUSED, Code.PEER_NO_SHOW)]
    script.refused(3, standing.HangUp(), Code.NO_TALK)


def test_a_place_that_cannot_be_one_is_told_without_the_name_of_the_talk() -> None:
    place = Candidate(CandidateKind.PUBLIC, "198.51.100.2", 4_000)
    machine, _ = matched(replace(introduced(), hides=True, candidates=(place,)))
    effects = machine.feed(News("m1", meet.Begin(None)), now=2)
    assert Emit(api.Notice("bad_candidate", "")) in effects


def test_a_hang_up_before_the_two_have_met_closes_everything() -> None:
    _, script = matched()
    script.at(
        2.5,
        standing.HangUp(),
        SendEndMatch("m1", EndReason.CANCELLED),
        ended(api.Ended.YOU_HUNG_UP, 0.0),
        state(api.State.HOME),
        stands(api.Standing.OVER),
        Order("m1", meet.CloseAll()),
    )
    script.at(2.6, News("m1", meet.Begin(None))).rests()


def test_a_match_that_the_server_tells_twice_or_that_is_with_ourselves_is_passed_over() -> None:
    machine, script = talking()
    script.at(5, standing.Introduced(introduced()))
    machine.feed(standing.HangUp(), now=5)
    script.at(5.1, standing.Introduced(introduced()))
    script.at(5.1, standing.Introduced(introduced(), LOBBY))
    assert machine.standing.encounters == ()
    _, script = seeking()
    us = introduced()
    script.at(2, standing.Introduced(replace(us, certificate=us.own)))
    script.at(3, search.CancelSeek(), search.SendCancel(1))  # the search goes on as if nothing had been said


# -- three talks --------------------------------------------------------------------------


def test_each_of_three_talks_hears_its_own_and_nothing_else() -> None:
    machine, script = three()
    assert [one.match_id for one in machine.standing.encounters] == ["m1", "a", "b"]
    said = make_message_id(OURS, 2)
    for talk in ("a", "b", "m1"):
        script.at(
            5,
            Wish(talk, api.SendText("hi")),
            send(wire.Text(2, 1), b"hi", talk),
            Emit(api.Said(said, "hi", talk=talk)),
        )
    answer = make_message_id(THEIRS, 2)
    script.at(
        5.1,
        heard(wire.Text(2, 1), b"ho", "b"),
        Emit(api.TextReceived(answer, "ho", talk="b")),
        send(wire.Ack(2), talk="b"),
    )
    assert [machine.received(talk) for talk in ("m1", "a", "b")] == [1, 1, 2]
    assert machine.talk() is machine.talk("m1"), "none is named: the stranger's"


def test_where_the_stranger_is_gone_one_of_two_has_to_be_named() -> None:
    machine, script = three()
    machine.feed(heard(wire.HangUp(2, 1)), now=5)
    script.refused(5, Wish("", api.SendText("hi")), Code.WHICH_TALK)
    script.refused(5, standing.HangUp(), Code.WHICH_TALK)
    script.at(
        6,
        standing.HangUp("a"),
        send(wire.HangUp(2, 1), talk="a"),
        SendEndMatch("a", EndReason.HUNG_UP),
        ended(api.Ended.YOU_HUNG_UP, 1.8, "a"),
        stands(api.Standing.OVER, "a", LOBBY),
    )
    assert machine.talk() is machine.talk("b"), "the only one"


def let_go(talk: str, reason: api.Ended, word: EndReason, lasted: float) -> tuple[engine.Effect, ...]:
    return send(wire.HangUp(2, 1), talk=talk), SendEndMatch(talk, word), ended(reason, lasted, talk)


def over() -> tuple[engine.Effect, ...]:
    others = (stands(api.Standing.OVER, talk, LOBBY) for talk in ("a", "b"))
    return stands(api.Standing.OVER), *others


def goodbyes(machine: Engine, script: Script) -> None:
    """Each peer hears the hang-up, and everything of its talk is closed."""
    for talk in ("b", "m1", "a"):
        script.at(5.1, heard(wire.Ack(2), talk=talk), Order(talk, meet.Finish(1, 1.0)))
        script.at(5.1, News(talk, meet.Gone(1)), Order(talk, meet.CloseAll()))
    script.rests()


def test_a_log_out_hangs_up_all_three() -> None:
    machine, script = three()
    reason = api.Ended.LOGGED_OUT
    script.at(
        5,
        standing.LogOut(),
        *let_go("m1", reason, EndReason.HUNG_UP, 2),
        *let_go("a", reason, EndReason.HUNG_UP, 0.8),
        *let_go("b", reason, EndReason.HUNG_UP, 0.8),
        session.SendLogOut(),
        session.DropToken(),
        state(api.State.SIGNED_OUT),
        *over(),
    )
    goodbyes(machine, script)


def test_the_end_of_the_program_hangs_up_all_three_and_keeps_the_log_in() -> None:
    machine, script = three()
    reason = api.Ended.YOU_HUNG_UP
    script.at(
        5,
        standing.Leave(),
        *let_go("m1", reason, EndReason.HUNG_UP, 2),
        *let_go("a", reason, EndReason.HUNG_UP, 0.8),
        *let_go("b", reason, EndReason.HUNG_UP, 0.8),
        state(api.State.HOME),
        *over(),
    )
    goodbyes(machine, script)


def test_when_the_servers_word_ends_one_the_others_go_on() -> None:
    machine, script = three()
    script.at(5, encounter.MatchEnded("a", EndReason.HUNG_UP))
    effects: list[engine.Effect] = []
    while ended(api.Ended.PEER_HUNG_UP, 0.8 + FAREWELL, "a") not in effects:
        assert machine.deadline is not None
        effects = machine.feed(Tick(), now=machine.deadline)
    assert [one.match_id for one in machine.standing.encounters] == ["m1", "b"]


@pytest.mark.parametrize("deaf", [0.0, 1.0])
def test_an_engine_that_has_nothing_to_do_rests(deaf: float) -> None:
    assert Engine(MeetingSettings(), TalkConfig(), Allowance(), deaf=deaf).deadline is None
