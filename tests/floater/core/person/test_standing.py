from floater import api
from floater.api import Ended, State, TalkKind
from floater.codes import Code
from floater.core.emit import Emit
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
    CROSSING,
    MAX_NO_SHOWS,
    CancelAnswered,
    CancelSeek,
    Seek,
    SeekAnew,
    SeekAnswered,
    SendCancel,
    SendSeek,
    Sent,
    Settled,
    Unmatched,
)
from floater.core.person.session import (
    RESTORE_AGAIN,
    Closed,
    DropToken,
    KeepToken,
    LoggedIn,
    Offline,
    Online,
    Remember,
    RestoreRefused,
    SendLogOut,
    SendRestore,
)
from floater.core.person.standing import HangUp, Introduced, Leave, LogOut, Standing
from floater.machine import Tick
from floater.wire.control import EndReason
from tests.helpers.introduced import introduced
from tests.helpers.playbook import Playbook

Script = Playbook[standing.Event, standing.Effect]


def state(value: State) -> Emit:
    return Emit(api.StateChanged(value))


def notice(code: Code) -> Emit:
    return Emit(api.Notice(code.value, ""))


def matched(match_id: str = "m1") -> Introduced:
    return Introduced(introduced(match_id))


def ended(reason: Ended, lasted: float, talk: str = "m1") -> Emit:
    return Emit(api.TalkEnded(reason, lasted, talk=talk))


def talk(stands: api.Standing, match_id: str = "m1", kind: TalkKind = TalkKind.STRANGER) -> Emit:
    return Emit(api.TalkChanged(kind, "Bob", stands, talk=match_id))


def found(match_id: str = "m1") -> tuple[standing.Effect, ...]:
    return (
        Emit(api.Matched(match_id, api.PeerName("Bob"), talk=match_id)),
        state(State.CONNECTING),
        talk(api.Standing.CONNECTING, match_id),
        BeginMeeting(introduced(match_id)),
    )


def at_home() -> Script:
    return (
        Playbook(Standing())
        .at(0, Online())
        .at(0, LoggedIn("Ann", "tok"), KeepToken("tok"), state(State.HOME))
    )


def seeking() -> Script:
    return (
        at_home()
        .at(1, Seek(), state(State.SEEKING), SendSeek(1))
        .at(1, Sent(1))
        .at(1, SeekAnswered(1, None), Settled())
    )


def connecting() -> Script:
    return seeking().at(2, matched(), *found())


def greeting() -> Script:
    return connecting().at(3, Met("m1"), state(State.GREETING), talk(api.Standing.GREETING))


def talking() -> Script:
    return greeting().at(4, Greeted("m1"), state(State.TALKING), talk(api.Standing.OPEN))


def test_a_talk_from_log_in_to_hang_up() -> None:
    (
        talking()
        .at(
            10,
            HangUp(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            SendEndMatch("m1", EndReason.HUNG_UP),
            ended(Ended.YOU_HUNG_UP, 7),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .at(10, Over("m1", Ended.YOU_HUNG_UP))
        .at(10, MatchEnded("m1", EndReason.HUNG_UP))
        .at(11, Seek(), state(State.SEEKING), SendSeek(2))
        .rests()
    )


def test_a_hang_up_of_the_peer_ends_our_side_once() -> None:
    (
        talking()
        .at(
            5,
            Over("m1", Ended.PEER_HUNG_UP),
            EndMeeting("m1", Ended.PEER_HUNG_UP),
            SendEndMatch("m1", EndReason.HUNG_UP),
            ended(Ended.PEER_HUNG_UP, 2),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .at(5, MatchEnded("m1", EndReason.HUNG_UP))
        .refused(6, HangUp(), Code.NO_TALK)
        .rests()
    )


def test_the_servers_word_that_the_talk_is_over_leaves_time_for_the_peers_last_words() -> None:
    (
        talking()
        .at(5, MatchEnded("m1", EndReason.HUNG_UP))
        .when_due(
            5 + FAREWELL,
            EndMeeting("m1", Ended.PEER_HUNG_UP),
            SendEndMatch("m1", EndReason.HUNG_UP),
            ended(Ended.PEER_HUNG_UP, 2 + FAREWELL),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_a_peer_who_left_the_server_is_lost_to_a_talk() -> None:
    (
        greeting()
        .at(5, MatchEnded("m1", EndReason.LEFT))
        .when_due(
            5 + FAREWELL,
            EndMeeting("m1", Ended.PEER_LOST),
            SendEndMatch("m1", EndReason.LOST),
            ended(Ended.PEER_LOST, 2 + FAREWELL),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_a_lost_peer_ends_the_talk() -> None:
    (
        talking()
        .at(
            40,
            Lost("m1"),
            EndMeeting("m1", Ended.PEER_LOST),
            SendEndMatch("m1", EndReason.LOST),
            ended(Ended.PEER_LOST, 37),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_a_relayed_talk_that_is_lost_with_the_server_says_so() -> None:
    (
        talking()
        .at(5, Offline())
        .at(
            40,
            Lost("m1", relayed=True),
            EndMeeting("m1", Ended.SERVER_CLOSED),
            ended(Ended.SERVER_CLOSED, 37),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_a_peer_that_misbehaves_is_reported_to_the_server() -> None:
    (
        greeting()
        .at(
            4,
            Over("m1", Ended.PEER_MISBEHAVED),
            EndMeeting("m1", Ended.PEER_MISBEHAVED),
            SendEndMatch("m1", EndReason.REFUSED),
            ended(Ended.PEER_MISBEHAVED, 1),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


# -- seeking and cancelling ---------------------------------------------------------------


def test_a_cancel_comes_home() -> None:
    seeking().at(2, CancelSeek(), SendCancel(1)).at(
        2, CancelAnswered(1, None), state(State.HOME), Unmatched(told=False), Settled()
    ).rests()


def test_seeking_anew_cancels_and_seeks_again_without_leaving() -> None:
    (
        seeking()
        .at(2, SeekAnew(), SendCancel(1))
        .at(2, SeekAnew())
        .at(2, CancelAnswered(1, None), Unmatched(told=False), SendSeek(2))
        .at(2, Sent(2))
        .at(2, SeekAnswered(2, None), Settled())
        .at(3, matched(), *found())
    )


def test_a_match_by_the_old_wishes_is_turned_down() -> None:
    (
        seeking()
        .at(2, SeekAnew(), SendCancel(1))
        .at(2, matched(), SendEndMatch("m1", EndReason.CANCELLED), Unmatched(told=True), SendSeek(2))
        .at(2, CancelAnswered(1, Code.ALREADY_MATCHED))
        .at(2, Sent(2))
        .at(2, SeekAnswered(2, None), Settled())
        .rests()
    )
    (
        seeking()
        .at(2, SeekAnew(), SendCancel(1))
        .at(2, CancelAnswered(1, Code.ALREADY_MATCHED))
        .when_due(2 + CROSSING, Unmatched(told=True), SendSeek(2))
        .rests()
    )


def test_seeking_anew_outlives_the_server() -> None:
    (
        seeking()
        .at(2, SeekAnew(), SendCancel(1))
        .at(2, Offline(), Unmatched(told=True), Settled())
        .at(3, Online(), SendRestore("tok"))
        .at(3, LoggedIn("Ann"), SendSeek(2))
        .rests()
    )


def test_a_search_is_answered_when_the_session_cannot_be_restored_now() -> None:
    (
        at_home()
        .at(1, Offline())
        .at(2, Online(), SendRestore("tok"))
        .at(3, Seek(), state(State.SEEKING))
        .at(4, RestoreRefused(Code.BUSY), Settled())
        .when_due(4 + RESTORE_AGAIN, SendRestore("tok"))
        .at(20, LoggedIn("Ann"), SendSeek(2))
        .rests()
    )


def test_seeking_anew_is_nothing_to_who_does_not_seek() -> None:
    at_home().at(1, SeekAnew()).rests()
    connecting().at(3, SeekAnew())


def test_a_match_that_comes_while_we_cancel_is_ended_and_nobody_hears_of_it() -> None:
    (
        seeking()
        .at(2, CancelSeek(), SendCancel(1))
        .at(
            2,
            matched(),
            SendEndMatch("m1", EndReason.CANCELLED),
            state(State.HOME),
            Unmatched(told=True),
            Settled(),
        )
        .at(2, CancelAnswered(1, Code.ALREADY_MATCHED))
        .rests()
    )


def test_a_late_answer_to_an_earlier_cancel_does_not_end_a_new_search() -> None:
    (
        seeking()
        .at(2, CancelSeek(), SendCancel(1))
        .at(
            2,
            matched(),
            SendEndMatch("m1", EndReason.CANCELLED),
            state(State.HOME),
            Unmatched(told=True),
            Settled(),
        )
        .at(2, Seek(), state(State.SEEKING), SendSeek(2))
        .at(2, CancelAnswered(1, Code.ALREADY_MATCHED))
        .at(2, Sent(2))
        .at(3, matched("m2"), *found("m2"), Settled())
        .rests()
    )


def test_a_match_that_nobody_sought_is_ended() -> None:
    at_home().at(1, matched(), SendEndMatch("m1", EndReason.CANCELLED)).rests()


def test_a_second_match_does_not_disturb_the_first() -> None:
    connecting().at(2, matched("m2"), SendEndMatch("m2", EndReason.CANCELLED)).at(
        3, Met("m1"), state(State.GREETING), talk(api.Standing.GREETING)
    ).rests()


def test_a_refused_search_comes_home_without_a_notice_because_the_reply_says_why() -> None:
    at_home().at(1, Seek(), state(State.SEEKING), SendSeek(1)).at(
        1,
        SeekAnswered(1, Code.TOO_MANY_TRIES),
        state(State.HOME),
        Unmatched(told=False),
        Settled(Code.TOO_MANY_TRIES),
    ).rests()


def test_cancelling_while_connecting_ends_the_match() -> None:
    (
        connecting()
        .at(
            2,
            CancelSeek(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            SendEndMatch("m1", EndReason.CANCELLED),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .at(3, Met("m1"))
        .rests()
    )


def test_hanging_up_while_connecting_is_a_talk_that_ended_before_it_began() -> None:
    (
        connecting()
        .at(
            2,
            HangUp(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            SendEndMatch("m1", EndReason.CANCELLED),
            ended(Ended.YOU_HUNG_UP, 0.0),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


# -- a match that falls through -----------------------------------------------------------


def test_after_a_no_show_we_seek_again_by_ourselves_first_in_line() -> None:
    (
        connecting()
        .at(
            17,
            NoShow("m1"),
            EndMeeting("m1", Ended.PEER_LOST),
            SendEndMatch("m1", EndReason.NO_SHOW),
            notice(Code.PEER_NO_SHOW),
            state(State.SEEKING),
            talk(api.Standing.OVER),
            SendSeek(2, after="m1"),
        )
        .at(17, Sent(2))
        .at(17, SeekAnswered(2, None), Settled())
        .at(18, matched("m2"), *found("m2"))
        .rests()
    )


def test_a_bad_ticket_is_named() -> None:
    connecting().at(
        2,
        NoShow("m1", Code.BAD_TICKET),
        EndMeeting("m1", Ended.PEER_LOST),
        SendEndMatch("m1", EndReason.NO_SHOW),
        notice(Code.BAD_TICKET),
        state(State.SEEKING),
        talk(api.Standing.OVER),
        SendSeek(2, after="m1"),
    ).rests()


def test_when_the_peer_leaves_before_we_met_we_seek_again() -> None:
    connecting().at(
        3,
        MatchEnded("m1", EndReason.CANCELLED),
        EndMeeting("m1", Ended.PEER_LOST),
        notice(Code.PEER_CANCELLED),
        state(State.SEEKING),
        talk(api.Standing.OVER),
        SendSeek(2, after="m1"),
    ).rests()


def test_the_end_of_another_match_changes_nothing() -> None:
    connecting().at(3, MatchEnded("m0", EndReason.CANCELLED)).rests()


def test_nobody_goes_on_for_ever_when_no_peer_can_be_reached() -> None:
    script = seeking()
    settled: tuple[standing.Effect, ...] = ()
    for number in range(1, MAX_NO_SHOWS):
        match_id = f"m{number}"
        script.at(number * 20, matched(match_id), *found(match_id), *settled).at(
            number * 20 + 15,
            NoShow(match_id),
            EndMeeting(match_id, Ended.PEER_LOST),
            SendEndMatch(match_id, EndReason.NO_SHOW),
            notice(Code.PEER_NO_SHOW),
            state(State.SEEKING),
            talk(api.Standing.OVER, match_id),
            SendSeek(number + 1, after=match_id),
        ).at(number * 20 + 16, Sent(number + 1))
        settled = (Settled(),)
    (
        script.at(500, matched("last"), *found("last"), *settled)
        .at(
            515,
            NoShow("last"),
            EndMeeting("last", Ended.PEER_LOST),
            SendEndMatch("last", EndReason.NO_SHOW),
            notice(Code.NO_PATH),
            state(State.HOME),
            talk(api.Standing.OVER, "last"),
        )
        .rests()
    )


def test_a_search_of_our_own_that_is_refused_says_why() -> None:
    connecting().at(
        3,
        MatchEnded("m1", EndReason.LEFT),
        EndMeeting("m1", Ended.PEER_LOST),
        notice(Code.PEER_CANCELLED),
        state(State.SEEKING),
        talk(api.Standing.OVER),
        SendSeek(2, after="m1"),
    ).at(
        3,
        SeekAnswered(2, Code.BUSY),
        notice(Code.BUSY),
        state(State.HOME),
        Unmatched(told=False),
        Settled(Code.BUSY),
    ).rests()


# -- the session --------------------------------------------------------------------------


def test_a_stored_token_restores_the_log_in() -> None:
    (
        Playbook[standing.Event, standing.Effect](Standing())
        .at(0, Remember("tok"))
        .at(1, Online(), SendRestore("tok"))
        .at(1, LoggedIn("Ann"), state(State.HOME))
        .rests()
    )


def test_a_token_that_is_no_longer_good_is_dropped() -> None:
    (
        Playbook[standing.Event, standing.Effect](Standing())
        .at(0, Online())
        .at(0, Remember("tok"), SendRestore("tok"))
        .at(1, RestoreRefused(Code.SESSION_ENDED), DropToken(), notice(Code.SESSION_ENDED))
        .at(2, Offline())
        .at(3, Online())
        .rests()
    )


def test_a_search_starts_again_when_the_server_is_back() -> None:
    (
        seeking()
        .at(2, Offline(), Unmatched(told=True))
        .at(9, Online(), SendRestore("tok"))
        .at(9, LoggedIn("Ann"), SendSeek(2))
        .at(9, Sent(2))
        .at(9, matched(), *found(), Settled())
        .rests()
    )


def test_a_cancel_without_a_server_comes_home_at_once() -> None:
    seeking().at(2, Offline(), Unmatched(told=True)).at(3, CancelSeek(), state(State.HOME)).rests()


def test_a_search_that_breaks_with_the_stream_goes_on_with_the_next() -> None:
    (
        at_home()
        .at(1, Seek(), state(State.SEEKING), SendSeek(1))
        .at(1, Sent(1))
        .at(2, Offline(), Unmatched(told=True), Settled())
        .at(2, SeekAnswered(1, Code.SERVER_UNREACHABLE))
        .at(3, Online(), SendRestore("tok"))
        .at(3, LoggedIn("Ann"), SendSeek(2))
        .rests()
    )


def test_a_search_begun_while_the_log_in_is_restored_is_sent_after_it() -> None:
    (
        at_home()
        .at(1, Offline())
        .at(2, Online(), SendRestore("tok"))
        .at(2, Seek(), state(State.SEEKING))
        .at(3, LoggedIn("Ann"), SendSeek(2))
        .rests()
    )


def test_nobody_seeks_without_a_server() -> None:
    at_home().at(1, Offline()).refused(2, Seek(), Code.SERVER_UNREACHABLE).rests()


def test_a_talk_goes_on_without_the_server_and_is_restored_with_it() -> None:
    (
        talking()
        .at(5, Offline())
        .at(6, Online(), SendRestore("tok", ("m1",)))
        .at(6, LoggedIn("Ann"))
        .at(
            7,
            HangUp(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            SendEndMatch("m1", EndReason.HUNG_UP),
            ended(Ended.YOU_HUNG_UP, 4),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_the_end_of_a_talk_is_told_to_the_server_when_it_is_back() -> None:
    (
        talking()
        .at(5, Offline())
        .at(
            6,
            Over("m1", Ended.PEER_HUNG_UP),
            EndMeeting("m1", Ended.PEER_HUNG_UP),
            ended(Ended.PEER_HUNG_UP, 3),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .at(7, Online(), SendRestore("tok"))
        .at(7, LoggedIn("Ann"), SendEndMatch("m1", EndReason.HUNG_UP))
        .rests()
    )


def test_a_talk_that_ends_while_the_log_in_is_restored_is_told_after_it() -> None:
    (
        talking()
        .at(5, Offline())
        .at(6, Online(), SendRestore("tok", ("m1",)))
        .at(
            6,
            HangUp(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            ended(Ended.YOU_HUNG_UP, 3),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .at(7, LoggedIn("Ann"), SendEndMatch("m1", EndReason.HUNG_UP))
        .rests()
    )


def test_a_later_log_in_elsewhere_ends_everything_here() -> None:
    (
        talking()
        .at(
            5,
            Closed(Code.LOGGED_IN_ELSEWHERE),
            EndMeeting("m1", Ended.LOGGED_IN_ELSEWHERE),
            ended(Ended.LOGGED_IN_ELSEWHERE, 2),
            DropToken(),
            state(State.SIGNED_OUT),
            talk(api.Standing.OVER),
            notice(Code.LOGGED_IN_ELSEWHERE),
        )
        .at(5, Offline())
        .at(6, Online())
        .refused(7, Seek(), Code.NOT_LOGGED_IN)
        .rests()
    )


def test_logging_out_in_a_talk_hangs_up_first() -> None:
    (
        talking()
        .at(
            5,
            LogOut(),
            EndMeeting("m1", Ended.LOGGED_OUT),
            SendEndMatch("m1", EndReason.HUNG_UP),
            ended(Ended.LOGGED_OUT, 2),
            SendLogOut(),
            DropToken(),
            state(State.SIGNED_OUT),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_logging_out_while_seeking_or_connecting() -> None:
    signed_out = (SendLogOut(), DropToken(), state(State.SIGNED_OUT), Unmatched(told=True))
    seeking().at(2, LogOut(), *signed_out).rests()
    (
        connecting()
        .at(
            2,
            LogOut(),
            EndMeeting("m1", Ended.LOGGED_OUT),
            SendEndMatch("m1", EndReason.CANCELLED),
            ended(Ended.LOGGED_OUT, 0.0),
            SendLogOut(),
            DropToken(),
            state(State.SIGNED_OUT),
            talk(api.Standing.OVER),
        )
        .at(3, NoShow("m1"))
        .rests()
    )


def test_a_log_in_that_is_being_restored_can_be_logged_out() -> None:
    (
        Playbook[standing.Event, standing.Effect](Standing())
        .at(0, Remember("tok"))
        .at(1, LogOut(), DropToken())
        .at(2, Online())
        .rests()
    )


def test_leaving_keeps_the_log_in() -> None:
    at_home().at(1, Leave()).rests()
    seeking().at(2, Leave(), SendCancel(1)).rests()
    (
        talking()
        .at(
            5,
            Leave(),
            EndMeeting("m1", Ended.YOU_HUNG_UP),
            SendEndMatch("m1", EndReason.HUNG_UP),
            ended(Ended.YOU_HUNG_UP, 2),
            state(State.HOME),
            talk(api.Standing.OVER),
        )
        .rests()
    )


def test_wishes_at_the_wrong_time_are_refused_by_name() -> None:
    nobody: Script = Playbook(Standing())
    for wish in (Seek(), CancelSeek(), HangUp(), LogOut()):
        nobody.refused(0, wish, Code.NOT_LOGGED_IN)
    at_home().refused(1, CancelSeek(), Code.NOT_SEEKING).refused(1, HangUp(), Code.NO_TALK).rests()
    seeking().refused(2, Seek(), Code.ALREADY_SEEKING).refused(2, HangUp(), Code.NO_TALK).rests()
    connecting().refused(2, Seek(), Code.ALREADY_MATCHED).rests()
    talking().refused(5, Seek(), Code.IN_A_TALK).refused(5, CancelSeek(), Code.IN_A_TALK).rests()


def test_a_new_username_moves_nobody() -> None:
    machine = talking().at(5, LoggedIn("Anna")).machine
    assert isinstance(machine, Standing)
    assert (machine.username, machine.state) == ("Anna", State.TALKING)


def test_a_tick_out_of_time_changes_nothing() -> None:
    talking().at(5, Tick()).rests()


# -- a search that the server has not heard of ---------------------------------------------


def test_a_cancel_before_the_request_is_sent_comes_home_without_one() -> None:
    script = (
        at_home()
        .at(1, Seek(), state(State.SEEKING), SendSeek(1))
        .at(2, CancelSeek(), state(State.HOME), Unmatched(told=False), Settled())
    )
    script.at(3, Sent(1)).at(3, SeekAnswered(1, None)).rests()
    assert isinstance(script.machine, Standing)
    assert script.machine.attempt is None
    assert script.machine.is_settled


def test_a_match_that_comes_before_the_request_is_sent_is_of_an_earlier_search() -> None:
    (
        at_home()
        .at(1, Seek(), state(State.SEEKING), SendSeek(1))
        .at(1, matched(), SendEndMatch("m1", EndReason.CANCELLED))
        .at(2, Sent(1))
        .at(3, matched("m2"), *found("m2"), Settled())
        .rests()
    )


def test_what_is_known_of_the_person() -> None:
    machine = Standing()
    assert (machine.state, machine.username, machine.online, machine.logged_in) == (
        State.SIGNED_OUT,
        None,
        False,
        False,
    )
    (
        Playbook[standing.Event, standing.Effect](machine)
        .at(0, Online())
        .at(0, LoggedIn("Ann", "tok"), KeepToken("tok"), state(State.HOME))
        .at(1, Seek(), state(State.SEEKING), SendSeek(1))
    )
    assert (machine.state, machine.username, machine.online, machine.logged_in) == (
        State.SEEKING,
        "Ann",
        True,
        True,
    )
    assert (machine.attempt, machine.is_settled) == (1, False)
