from floater import api
from floater.codes import Code
from floater.core.person import session
from floater.core.person.encounter import SendEndMatch
from floater.core.person.session import (
    RESTORE_AGAIN,
    Closed,
    DropToken,
    KeepToken,
    LoggedIn,
    LogInEnded,
    Offline,
    Online,
    Remember,
    RestoreRefused,
    SendLogOut,
    SendRestore,
    Session,
    State,
)
from floater.machine import Tick
from floater.wire.control import EndReason
from floater.wire.limits import MAX_MATCHES
from tests.helpers.playbook import Playbook

Script = Playbook[session.Event, session.Effect]


def on() -> tuple[Session, Script]:
    machine = Session()
    script: Script = Playbook(machine)
    script.at(0, Online()).at(0, LoggedIn("Ann", "tok"), KeepToken("tok"))
    return machine, script


def test_a_log_in_outlives_the_stream() -> None:
    machine, script = on()
    assert (machine.state, machine.online, machine.username) == (State.ON, True, "Ann")
    script.at(1, Offline())
    assert (machine.state, machine.online, machine.username) == (State.AWAY, False, "Ann")
    script.at(2, Online(), SendRestore("tok")).at(2, Online())
    assert machine.state is State.RESTORING
    script.at(3, LoggedIn("Anna", "new"), KeepToken("new"))
    assert (machine.state, machine.username) == (State.ON, "Anna")
    script.at(4, Offline()).at(5, Online(), SendRestore("new")).rests()


def test_a_token_is_restored_when_it_and_the_server_are_there() -> None:
    machine = Session()
    script: Script = Playbook(machine)
    script.at(0, Offline()).at(0, Online())
    assert machine.state is State.NONE
    script.at(1, Remember("tok"), SendRestore("tok")).at(1, Remember("other"))
    late: Script = Playbook(Session())
    late.at(0, Remember("tok")).at(1, Online(), SendRestore("tok")).rests()


def test_a_log_in_whose_stream_has_broken_since_is_restored_with_the_next() -> None:
    machine = Session()
    script: Script = Playbook(machine)
    script.at(0, LoggedIn("Ann", "tok"), KeepToken("tok"))
    assert (machine.state, machine.username) == (State.AWAY, "Ann")
    script.at(1, Online(), SendRestore("tok")).rests()


def test_a_busy_server_is_asked_again_unless_the_stream_ends_or_somebody_logs_in() -> None:
    _, script = on()
    script.at(1, Offline()).at(2, Online(), SendRestore("tok"))
    script.at(3, RestoreRefused(Code.BUSY)).when_due(3 + RESTORE_AGAIN, SendRestore("tok"))
    script.at(9, RestoreRefused(Code.TOO_MANY_TRIES, 60.0)).at(10, Tick()).wakes(69)
    script.at(20, Offline()).rests()
    script.at(21, Online(), SendRestore("tok")).at(22, RestoreRefused(Code.TIMED_OUT)).wakes(
        22 + RESTORE_AGAIN
    )
    script.at(23, LoggedIn("Ann")).rests()
    script.at(24, RestoreRefused(Code.SESSION_ENDED))  # of a request before this log-in


def test_a_log_in_that_the_server_does_not_take_has_ended() -> None:
    _, script = on()
    script.at(1, Offline()).at(2, Online(), SendRestore("tok"))
    script.at(3, RestoreRefused(Code.SESSION_ENDED), LogInEnded(api.Ended.LOGGED_OUT, Code.SESSION_ENDED))


def test_a_log_in_may_be_closed_by_the_server() -> None:
    for code, reason in (
        (Code.LOGGED_IN_ELSEWHERE, api.Ended.LOGGED_IN_ELSEWHERE),
        (Code.SESSION_ENDED, api.Ended.LOGGED_OUT),
    ):
        machine, script = on()
        script.at(1, Closed(code), LogInEnded(reason, code))
        assert machine.match_over("m1", EndReason.LEFT) == []
        assert machine.log_out(reason) == [DropToken()]
        script.at(2, Closed(code)).at(2, Offline()).at(3, Online()).rests()


def test_a_log_out_is_told_to_a_server_that_knows_us() -> None:
    machine, script = on()
    assert machine.log_out(api.Ended.LOGGED_OUT) == [SendLogOut(), DropToken()]
    assert (machine.state, machine.username) == (State.NONE, None)
    script.at(1, LoggedIn("Ben", "other"), KeepToken("other")).at(2, Offline())
    assert machine.log_out(api.Ended.LOGGED_OUT) == [DropToken()]
    script.at(3, Online()).rests()


def test_a_log_out_holds_although_a_restore_is_answered_after_it() -> None:
    machine, script = on()
    script.at(1, Offline()).at(2, Online(), SendRestore("tok"))
    assert machine.log_out(api.Ended.LOGGED_OUT) == [SendLogOut(), DropToken()]
    script.at(3, LoggedIn("Ann")).rests()
    assert (machine.state, machine.username) == (State.NONE, None)
    script.at(4, LoggedIn("Ann", "new"), KeepToken("new")).rests()
    assert machine.is_on


def test_the_end_of_a_match_is_told_now_or_when_the_session_is_on_again() -> None:
    machine, script = on()
    for match_id in ("m1", "m2", "m3", "m4"):
        machine.match_began(match_id, stranger=match_id == "m4")
    assert machine.match_over("m1", EndReason.HUNG_UP) == [SendEndMatch("m1", EndReason.HUNG_UP)]
    assert machine.match_over("m2", None) == []
    script.at(1, Offline())
    assert machine.match_over("m3", EndReason.LOST) == []
    script.at(2, Online(), SendRestore("tok", ("m4",)))
    assert machine.match_over("turned down", EndReason.CANCELLED) == []
    script.at(
        3,
        LoggedIn("Ann"),
        SendEndMatch("m3", EndReason.LOST),
        SendEndMatch("turned down", EndReason.CANCELLED),
    )
    script.at(4, Offline()).at(5, Online(), SendRestore("tok", ("m4",))).at(6, LoggedIn("Ann")).rests()


def test_a_restore_names_a_match_with_a_stranger_first_and_says_whether_there_is_one() -> None:
    machine, script = on()
    machine.match_began("contact's")
    script.at(1, Offline()).at(2, Online(), SendRestore("tok", ("contact's",), stranger=False))
    machine.match_began("stranger's", stranger=True)
    script.at(3, Offline()).at(4, Online(), SendRestore("tok", ("stranger's", "contact's"))).rests()
    machine.match_over("stranger's", None)
    machine.match_began("newer", stranger=True)
    script.at(5, Offline()).at(6, Online(), SendRestore("tok", ("newer", "contact's")))
    machine.match_over("newer", None)
    script.at(7, Offline()).at(8, Online(), SendRestore("tok", ("contact's",), stranger=False)).rests()


def test_what_is_owed_is_forgotten_with_the_log_in() -> None:
    machine, script = on()
    script.at(1, Offline())
    assert machine.match_over("m1", EndReason.LOST) == []
    machine.log_out(api.Ended.LOGGED_OUT)
    assert machine.match_over("m2", EndReason.LOST) == []
    script.at(2, Online()).at(3, LoggedIn("Ann", "new"), KeepToken("new")).rests()


def test_a_restore_names_no_more_matches_than_the_server_reads() -> None:
    machine, script = on()
    names = [f"m{number}" for number in range(MAX_MATCHES + 1)]
    for name in names:
        machine.match_began(name)
    script.at(1, Offline()).at(2, Online(), SendRestore("tok", tuple(names[:MAX_MATCHES]), stranger=False))
