import pytest

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.person import search
from floater.core.person.search import (
    CROSSING,
    MAX_NO_SHOWS,
    CancelAnswered,
    CancelSeek,
    Crossed,
    Found,
    LoggedOut,
    Restored,
    Search,
    Seek,
    SeekAgain,
    SeekAnew,
    SeekAnswered,
    SendCancel,
    SendSeek,
    Sent,
    Settled,
    State,
    Unmatched,
)
from floater.core.person.session import Offline
from floater.machine import Tick
from tests.helpers.playbook import Playbook

Script = Playbook[search.Event, search.Effect]


def notice(code: Code) -> Emit:
    return Emit(api.Notice(code.value, ""))


def at_home() -> tuple[Search, Script]:
    machine = Search()
    return machine, Playbook[search.Event, search.Effect](machine).at(0, Restored())


def preparing() -> tuple[Search, Script]:
    machine, script = at_home()
    return machine, script.at(1, Seek(), SendSeek(1))


def seeking() -> tuple[Search, Script]:
    machine, script = preparing()
    return machine, script.at(1, Sent(1)).at(1, SeekAnswered(1, None), Settled())


def cancelling() -> tuple[Search, Script]:
    machine, script = seeking()
    return machine, script.at(2, CancelSeek(), SendCancel(1))


def renewing() -> tuple[Search, Script]:
    machine, script = seeking()
    return machine, script.at(2, SeekAnew(), SendCancel(1))


def test_a_search_goes_from_the_press_to_the_match() -> None:
    machine, script = at_home()
    assert (machine.state, machine.attempt, machine.is_open, machine.is_settled) == (
        State.HOME,
        None,
        False,
        True,
    )
    script.at(1, Seek(), SendSeek(1))
    assert (machine.state, machine.attempt, machine.is_open, machine.is_settled) == (
        State.SEEKING,
        1,
        False,
        False,
    )
    script.at(2, Sent(1))
    assert (machine.attempt, machine.is_open, machine.is_settled) == (1, True, False)
    script.at(3, SeekAnswered(1, None), Settled())
    assert (machine.attempt, machine.is_open, machine.is_settled) == (1, True, True)
    script.at(4, Found())
    assert (machine.state, machine.attempt, machine.is_open) == (State.HOME, None, False)
    script.at(5, SeekAnswered(1, None)).at(5, CancelAnswered(1, None)).at(5, Found()).at(5, Crossed()).rests()


def test_a_match_may_come_before_the_answer_to_the_search() -> None:
    _, script = preparing()
    script.at(2, Sent(1)).at(2, Found(), Settled()).at(2, SeekAnswered(1, None)).rests()


def test_wishes_at_the_wrong_time_are_refused() -> None:
    at_home()[1].refused(1, CancelSeek(), Code.NOT_SEEKING).at(1, SeekAnew()).rests()
    for script in (preparing()[1], seeking()[1], cancelling()[1], renewing()[1]):
        script.refused(3, Seek(), Code.ALREADY_SEEKING)


def test_a_refused_search_by_hand_says_why_in_the_reply() -> None:
    machine, script = preparing()
    script.at(2, Sent(1)).at(
        2, SeekAnswered(1, Code.TOO_MANY_TRIES), Unmatched(told=False), Settled(Code.TOO_MANY_TRIES)
    ).rests()
    assert machine.state is State.HOME


def test_a_refused_search_that_began_by_itself_says_why_in_a_notice() -> None:
    machine, script = seeking()
    script.at(2, Found()).at(
        3, SeekAgain("m1", Code.PEER_NO_SHOW), notice(Code.PEER_NO_SHOW), SendSeek(2, "m1")
    )
    script.at(4, Sent(2)).at(
        4, SeekAnswered(2, Code.BUSY), notice(Code.BUSY), Unmatched(told=False), Settled(Code.BUSY)
    ).rests()
    assert machine.state is State.HOME


def test_the_first_place_in_line_is_asked_for_until_it_is_had() -> None:
    _, script = seeking()
    script.at(2, Found()).at(
        3, SeekAgain("m1", Code.PEER_NO_SHOW), notice(Code.PEER_NO_SHOW), SendSeek(2, "m1")
    )
    script.at(4, Sent(2)).at(5, SeekAnew(), SendCancel(2)).at(
        5, CancelAnswered(2, None), Unmatched(told=False), SendSeek(3, "m1")
    )
    script.at(6, Sent(3)).at(6, SeekAnswered(3, None), Settled())
    script.at(7, SeekAnew(), SendCancel(3)).at(
        7, CancelAnswered(3, None), Unmatched(told=False), SendSeek(4)
    ).rests()


def test_after_too_many_no_shows_in_a_row_the_search_ends() -> None:
    machine, script = seeking()
    for number in range(1, MAX_NO_SHOWS):
        script.at(number, Found(), *([Settled()] if number > 1 else []))
        script.at(
            number, SeekAgain("m", Code.PEER_NO_SHOW), notice(Code.PEER_NO_SHOW), SendSeek(number + 1, "m")
        )
        script.at(number, Sent(number + 1))
    script.at(9, Found(), Settled()).at(9, SeekAgain("m", Code.PEER_NO_SHOW), notice(Code.NO_PATH))
    assert machine.state is State.HOME
    script.at(10, Seek(), SendSeek(MAX_NO_SHOWS + 1)).at(10, Sent(MAX_NO_SHOWS + 1))
    script.at(11, Found(), Settled())
    again = SendSeek(MAX_NO_SHOWS + 2, "n")
    script.at(12, SeekAgain("n", Code.PEER_CANCELLED), notice(Code.PEER_CANCELLED), again).rests()


@pytest.mark.parametrize("code", [Code.BAD_TICKET, Code.UNSUPPORTED_VERSION])
def test_what_may_be_our_fault_twice_in_a_row_ends_the_search(code: Code) -> None:
    machine, script = seeking()
    script.at(1, Found()).at(1, SeekAgain("m", code), notice(code), SendSeek(2, "m")).at(1, Sent(2))
    script.at(2, Found(), Settled()).at(2, SeekAgain("n", code), notice(code)).rests()
    assert machine.state is State.HOME
    script.at(3, Seek(), SendSeek(3)).at(3, Sent(3)).at(4, Found(), Settled())
    script.at(5, SeekAgain("o", code), notice(code), SendSeek(4, "o")).rests()


def test_a_ticket_that_does_not_hold_counts_only_in_a_row() -> None:
    machine, script = seeking()
    codes = [Code.BAD_TICKET, Code.PEER_NO_SHOW, Code.BAD_TICKET]
    for number, code in enumerate(codes, 1):
        script.at(number, Found(), *([Settled()] if number > 1 else []))
        script.at(number, SeekAgain("m", code), notice(code), SendSeek(number + 1, "m"))
        script.at(number, Sent(number + 1))
    assert machine.state is State.SEEKING


# -- cancelling ---------------------------------------------------------------------------


def test_a_cancel_of_what_the_server_has_not_heard_of_needs_no_request() -> None:
    machine, script = preparing()
    script.at(2, CancelSeek(), Unmatched(told=False), Settled()).at(3, Sent(1)).rests()
    assert (machine.state, machine.attempt) == (State.HOME, None)


@pytest.mark.parametrize("code", [None, Code.NOT_SEEKING, Code.SERVER_UNREACHABLE])
def test_a_cancel_ends_the_search(code: Code | None) -> None:
    machine, script = cancelling()
    assert (machine.state, machine.is_settled, machine.is_open) == (State.CANCELLING, False, False)
    script.at(2, CancelSeek()).at(2, SeekAnew()).at(
        3, CancelAnswered(1, code), Unmatched(told=code is not None), Settled()
    ).rests()
    assert machine.state is State.HOME


def test_a_cancel_may_overtake_the_answer_to_the_search() -> None:
    _, script = preparing()
    script.at(2, Sent(1)).at(2, CancelSeek(), SendCancel(1)).at(3, SeekAnswered(1, None))
    script.at(3, CancelAnswered(1, None), Unmatched(told=False), Settled()).rests()
    _, script = preparing()
    script.at(2, Sent(1)).at(2, CancelSeek(), SendCancel(1)).at(3, SeekAnswered(1, Code.SERVER_UNREACHABLE))
    script.at(3, Offline(), Unmatched(told=True), Settled()).rests()
    machine, script = preparing()
    script.at(2, Sent(1)).at(2, CancelSeek(), SendCancel(1)).at(
        3, SeekAnswered(1, Code.BUSY), Unmatched(told=False), Settled(Code.BUSY)
    )
    assert machine.state is State.HOME


def test_a_match_that_crosses_a_cancel_is_waited_for() -> None:
    _, script = cancelling()
    script.at(3, CancelAnswered(1, Code.ALREADY_MATCHED)).at(4, Tick()).wakes(3 + CROSSING)
    script.at(5, Crossed(), Unmatched(told=True), Settled()).rests()
    _, script = cancelling()
    script.at(3, CancelAnswered(1, Code.ALREADY_MATCHED)).when_due(
        3 + CROSSING, Unmatched(told=True), Settled()
    ).rests()
    _, script = cancelling()
    script.at(3, Crossed(), Unmatched(told=True), Settled()).at(
        3, CancelAnswered(1, Code.ALREADY_MATCHED)
    ).rests()


# -- seeking anew -------------------------------------------------------------------------


def test_seeking_anew_cancels_and_begins_again() -> None:
    machine, script = renewing()
    assert (machine.state, machine.is_settled, machine.is_open) == (State.RENEWING, False, False)
    script.at(2, SeekAnew()).at(3, CancelAnswered(1, None), Unmatched(told=False), SendSeek(2)).at(
        3, CancelAnswered(1, None)
    )
    assert (machine.state, machine.attempt, machine.is_settled) == (State.SEEKING, 2, False)
    script.at(4, Sent(2)).at(4, SeekAnswered(2, None), Settled()).rests()


def test_seeking_anew_what_the_server_has_not_heard_of_needs_no_cancel() -> None:
    _, script = preparing()
    script.at(2, SeekAnew(), SendSeek(2)).at(3, Sent(1)).at(3, Sent(2))
    script.at(3, SeekAnswered(2, Code.BUSY), Unmatched(told=False), Settled(Code.BUSY)).rests()


def test_a_cancel_while_seeking_anew_ends_the_search() -> None:
    _, script = renewing()
    script.at(3, CancelSeek()).at(3, CancelAnswered(1, None), Unmatched(told=False), Settled()).rests()


def test_a_match_that_crosses_a_search_anew_is_waited_for_and_then_sought_again() -> None:
    _, script = renewing()
    script.at(3, CancelAnswered(1, Code.ALREADY_MATCHED)).at(
        4, Crossed(), Unmatched(told=True), SendSeek(2)
    ).rests()
    _, script = renewing()
    script.at(3, CancelAnswered(1, Code.ALREADY_MATCHED)).when_due(
        3 + CROSSING, Unmatched(told=True), SendSeek(2)
    ).rests()


def test_a_search_that_is_refused_while_it_is_renewed_ends() -> None:
    machine, script = seeking()
    script.at(2, Offline(), Unmatched(told=True)).at(3, Restored(), SendSeek(2)).at(3, Sent(2)).at(
        3, SeekAnew(), SendCancel(2)
    )
    script.at(
        4, SeekAnswered(2, Code.BUSY), notice(Code.BUSY), Unmatched(told=False), Settled(Code.BUSY)
    ).rests()
    assert machine.state is State.HOME


# -- the server is away -------------------------------------------------------------------


def test_a_search_goes_on_when_the_server_is_back() -> None:
    machine, script = seeking()
    script.at(2, Offline(), Unmatched(told=True)).at(2, SeekAnew())
    assert (machine.state, machine.attempt, machine.is_settled) == (State.SEEKING, None, True)
    script.at(3, SeekAnswered(1, None)).at(4, Restored(), SendSeek(2)).rests()


def test_a_command_does_not_wait_for_a_server_that_is_away() -> None:
    _, script = preparing()
    script.at(2, Sent(1)).at(2, SeekAnswered(1, Code.SERVER_UNREACHABLE), Settled()).at(
        2, Offline(), Unmatched(told=True)
    )
    _, script = preparing()
    script.at(2, Offline(), Unmatched(told=False), Settled()).at(3, Restored(), SendSeek(2))
    _, script = renewing()
    script.at(3, Offline(), Unmatched(told=True), Settled()).at(4, Restored(), SendSeek(2)).rests()


def test_a_search_begun_while_the_log_in_is_restored_waits_for_that() -> None:
    machine = Search()
    script: Script = Playbook(machine)
    script.at(0, Seek())
    assert (machine.state, machine.attempt, machine.is_settled) == (State.SEEKING, None, False)
    script.at(1, Restored(), SendSeek(2)).at(2, Sent(2))
    script.at(2, SeekAnswered(2, Code.BUSY), Unmatched(told=False), Settled(Code.BUSY)).rests()
    Playbook[search.Event, search.Effect](Search()).at(0, Seek()).at(1, CancelSeek(), Settled()).rests()
    Playbook[search.Event, search.Effect](Search()).at(0, Seek()).at(1, Offline(), Settled()).rests()


def test_a_match_that_falls_through_while_the_server_is_away_is_followed_by_a_search_later() -> None:
    machine, script = seeking()
    script.at(2, Found()).at(3, Offline()).at(
        4, SeekAgain("m1", Code.PEER_NO_SHOW), notice(Code.PEER_NO_SHOW)
    )
    assert (machine.state, machine.is_settled) == (State.SEEKING, True)
    script.at(5, Restored(), SendSeek(3, "m1")).rests()


def test_a_log_out_ends_the_search() -> None:
    machine, script = preparing()
    script.at(2, LoggedOut(), Unmatched(told=False), Settled()).rests()
    assert machine.state is State.HOME
    script.at(3, Seek()).at(3, LoggedOut(), Settled())
    cancelling()[1].at(3, LoggedOut(), Unmatched(told=True), Settled()).rests()
    at_home()[1].at(1, LoggedOut()).rests()
