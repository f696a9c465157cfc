"""Talks of several kinds at once, beside the stranger's."""

from floater import api
from floater.api import Ended, State, TalkKind
from floater.codes import Code
from floater.core.person import standing
from floater.core.person.encounter import (
    FAREWELL,
    BeginMeeting,
    EndMeeting,
    Greeted,
    Lost,
    MatchEnded,
    Met,
    NoShow,
    Over,
    SendEndMatch,
)
from floater.core.person.search import (
    CancelAnswered,
    CancelSeek,
    Seek,
    SeekAnswered,
    SendCancel,
    SendSeek,
    Sent,
    Settled,
    Unmatched,
)
from floater.core.person.session import (
    Closed,
    DropToken,
    LoggedIn,
    Offline,
    Online,
    SendLogOut,
    SendRestore,
)
from floater.core.person.standing import HangUp, Introduced, Leave, LogOut, Standing
from floater.wire.control import EndReason
from floater.wire.limits import MAX_MATCHES
from tests.floater.core.person.test_standing import (
    Script,
    at_home,
    connecting,
    ended,
    found,
    matched,
    notice,
    seeking,
    state,
    talk,
    talking,
)
from tests.helpers.introduced import introduced
from tests.helpers.playbook import Playbook

LOBBY = TalkKind.LOBBY


def opened(script: Script, match_id: str, kind: TalkKind = LOBBY) -> Script:
    """Let a talk of that kind come about, and be open at 4."""
    return (
        script.at(
            2,
            Introduced(introduced(match_id), kind),
            talk(api.Standing.CONNECTING, match_id, kind),
            BeginMeeting(introduced(match_id)),
        )
        .at(3, Met(match_id), talk(api.Standing.GREETING, match_id, kind))
        .at(4, Greeted(match_id), talk(api.Standing.OPEN, match_id, kind))
    )


def three() -> Script:
    """A stranger's talk since 3, and two more."""
    return opened(opened(talking(), "a"), "b", TalkKind.NEARBY)


def let_go(match_id: str, reason: Ended, word: EndReason, lasted: float) -> tuple[standing.Effect, ...]:
    return (EndMeeting(match_id, reason), SendEndMatch(match_id, word), ended(reason, lasted, match_id))


def test_a_log_out_ends_every_talk() -> None:
    (
        three()
        .at(
            5,
            LogOut(),
            *let_go("m1", Ended.LOGGED_OUT, EndReason.HUNG_UP, 2),
            *let_go("a", Ended.LOGGED_OUT, EndReason.HUNG_UP, 2),
            *let_go("b", Ended.LOGGED_OUT, EndReason.HUNG_UP, 2),
            SendLogOut(),
            DropToken(),
            state(State.SIGNED_OUT),
            talk(api.Standing.OVER),
            talk(api.Standing.OVER, "a", LOBBY),
            talk(api.Standing.OVER, "b", TalkKind.NEARBY),
        )
        .at(6, Greeted("a"))
        .rests()
    )


def test_a_later_log_in_elsewhere_ends_every_talk_without_a_word_to_the_server() -> None:
    reason = Ended.LOGGED_IN_ELSEWHERE
    (
        opened(at_home(), "a")
        .at(5, Seek(), state(State.SEEKING), SendSeek(1))
        .at(
            6,
            Closed(Code.LOGGED_IN_ELSEWHERE),
            EndMeeting("a", reason),
            ended(reason, 3, "a"),
            DropToken(),
            state(State.SIGNED_OUT),
            talk(api.Standing.OVER, "a", LOBBY),
            Unmatched(told=False),
            Settled(),
            notice(Code.LOGGED_IN_ELSEWHERE),
        )
        .rests()
    )


def test_other_talks_block_no_search_and_are_not_touched_by_one() -> None:
    script = (
        opened(opened(at_home(), "a"), "b")
        .at(5, Seek(), state(State.SEEKING), SendSeek(1))
        .at(5, Sent(1))
        .at(5, SeekAnswered(1, None), Settled())
        .at(6, matched(), *found())
        .refused(6, Seek(), Code.ALREADY_MATCHED)
        .at(
            7,
            CancelSeek(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            SendEndMatch("m1", EndReason.CANCELLED),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
    )
    script.rests()
    assert isinstance(script.machine, Standing)
    assert [one.match_id for one in script.machine.encounters] == ["a", "b"]
    assert script.machine.stranger is None


def test_other_talks_come_about_while_we_seek_cancel_or_talk() -> None:
    opened(seeking(), "a").at(5, CancelSeek(), SendCancel(1))
    opened(seeking().at(2, CancelSeek(), SendCancel(1)), "a")
    opened(connecting(), "a")


def test_a_hang_up_of_one_leaves_the_others() -> None:
    (
        three()
        .at(
            5,
            HangUp("a"),
            *let_go("a", Ended.YOU_HUNG_UP, EndReason.HUNG_UP, 2),
            talk(api.Standing.OVER, "a", LOBBY),
        )
        .at(
            6,
            HangUp(),
            *let_go("m1", Ended.YOU_HUNG_UP, EndReason.HUNG_UP, 3),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .at(
            7,
            HangUp(),
            *let_go("b", Ended.YOU_HUNG_UP, EndReason.HUNG_UP, 4),
            talk(api.Standing.OVER, "b", TalkKind.NEARBY),
        )
        .refused(8, HangUp(), Code.NO_TALK)
        .rests()
    )


def test_a_hang_up_that_names_no_talk_means_the_strangers_or_the_only_one() -> None:
    script = opened(opened(at_home(), "a"), "b").refused(5, HangUp(), Code.WHICH_TALK)
    script.refused(5, HangUp("c"), Code.NO_TALK).rests()
    machine = script.machine
    assert isinstance(machine, Standing)
    assert machine.which("b").match_id == "b"


def test_what_the_others_do_reaches_one_talk_alone() -> None:
    (
        three()
        .at(5, MatchEnded("b", EndReason.HUNG_UP))
        .at(
            5.5,
            Over("a", Ended.PEER_HUNG_UP),
            *let_go("a", Ended.PEER_HUNG_UP, EndReason.HUNG_UP, 2.5),
            talk(api.Standing.OVER, "a", LOBBY),
        )
        .when_due(
            5 + FAREWELL,
            *let_go("b", Ended.PEER_HUNG_UP, EndReason.HUNG_UP, 2 + FAREWELL),
            talk(api.Standing.OVER, "b", TalkKind.NEARBY),
        )
        .rests()
    )


def test_what_is_owed_for_several_matches_is_told_after_the_restore() -> None:
    (
        three()
        .at(5, Offline())
        .at(
            6,
            HangUp("a"),
            EndMeeting("a", Ended.YOU_HUNG_UP),
            ended(Ended.YOU_HUNG_UP, 3, "a"),
            talk(api.Standing.OVER, "a", LOBBY),
        )
        .at(7, Online(), SendRestore("tok", ("m1", "b")))
        .at(
            8,
            Lost("b"),
            EndMeeting("b", Ended.PEER_LOST),
            ended(Ended.PEER_LOST, 5, "b"),
            talk(api.Standing.OVER, "b", TalkKind.NEARBY),
        )
        .at(
            9,
            LoggedIn("Ann"),
            SendEndMatch("a", EndReason.HUNG_UP),
            SendEndMatch("b", EndReason.LOST),
        )
        .at(10, Offline())
        .at(11, Online(), SendRestore("tok", ("m1",)))
        .rests()
    )


def test_a_relayed_talk_is_lost_with_the_server_only_while_that_is_away() -> None:
    (
        opened(at_home(), "a")
        .at(
            5,
            Lost("a", relayed=True),
            *let_go("a", Ended.PEER_LOST, EndReason.LOST, 2),
            talk(api.Standing.OVER, "a", LOBBY),
        )
        .rests()
    )


def test_a_talk_of_another_kind_that_does_not_come_about_has_ended_and_nobody_is_sought() -> None:
    (
        at_home()
        .at(
            2,
            Introduced(introduced("a"), LOBBY),
            talk(api.Standing.CONNECTING, "a", LOBBY),
            BeginMeeting(introduced("a")),
        )
        .at(
            17,
            NoShow("a"),
            EndMeeting("a", Ended.PEER_LOST),
            SendEndMatch("a", EndReason.NO_SHOW),
            ended(Ended.PEER_LOST, 0.0, "a"),
            talk(api.Standing.OVER, "a", LOBBY),
        )
        .rests()
    )


def test_leaving_ends_every_talk_and_the_search() -> None:
    (
        opened(seeking(), "a")
        .at(
            5,
            Leave(),
            *let_go("a", Ended.YOU_HUNG_UP, EndReason.HUNG_UP, 2),
            talk(api.Standing.OVER, "a", LOBBY),
            SendCancel(1),
        )
        .at(5, CancelAnswered(1, None), state(State.HOME), Unmatched(told=False), Settled())
        .rests()
    )
    Playbook[standing.Event, standing.Effect](Standing()).at(0, Leave()).rests()


def test_an_introduction_to_a_talk_that_is_on_changes_nothing() -> None:
    opened(connecting(), "a").at(5, matched()).at(5, matched("a")).at(5, Introduced(introduced("a"), LOBBY))


def test_who_is_signed_out_meets_nobody() -> None:
    (
        Playbook[standing.Event, standing.Effect](Standing())
        .at(0, Online())
        .at(1, Introduced(introduced("a"), LOBBY))
        .at(1, matched())
        .rests()
    )


def test_there_is_always_room_for_a_stranger_and_no_more_talks_than_a_restore_names() -> None:
    script = at_home()
    for number in range(MAX_MATCHES - 1):
        opened(script, f"t{number}")
    script.at(5, Introduced(introduced("more"), LOBBY), SendEndMatch("more", EndReason.CANCELLED))
    script.at(5, Seek(), state(State.SEEKING), SendSeek(1)).at(5, Sent(1))
    script.at(6, matched(), *found(), Settled())
    script.at(7, Introduced(introduced("more"), LOBBY), SendEndMatch("more", EndReason.CANCELLED))
    names = ("m1", *(f"t{number}" for number in range(MAX_MATCHES - 1)))
    script.at(8, Offline()).at(9, Online(), SendRestore("tok", names)).rests()
