"""Of all log-ins of an account the one with the highest number counts, whatever comes first."""

from server.core.sessions import LoggedIn, Sessions

ANN = 1


def test_a_log_in_is_here_until_it_leaves() -> None:
    sessions = Sessions()
    assert sessions.device(ANN) is None
    assert sessions.arrive(ANN, 5, 1) is None
    assert (sessions.device(ANN), len(sessions)) == (5, 1)
    assert sessions.leave(ANN, 5)
    assert not sessions.leave(ANN, 5)
    assert len(sessions) == 0


def test_a_later_log_in_replaces_the_earlier() -> None:
    sessions = Sessions()
    sessions.arrive(ANN, 5, 1)
    assert sessions.arrive(ANN, 6, 2) == 5
    assert not sessions.leave(ANN, 5)
    assert sessions.device(ANN) == 6


def test_the_same_stream_may_log_in_again() -> None:
    sessions = Sessions()
    sessions.arrive(ANN, 5, 1)
    assert sessions.arrive(ANN, 5, 2) is None


def test_a_log_in_that_was_overtaken_is_over_itself() -> None:
    sessions = Sessions()
    sessions.arrive(ANN, 6, 2)
    assert sessions.arrive(ANN, 5, 1) == 5
    assert sessions.device(ANN) == 6


def test_a_log_in_elsewhere_ends_ours_if_it_is_later_and_is_answered_if_it_is_not() -> None:
    sessions = Sessions()
    sessions.arrive(ANN, 5, 2)
    assert sessions.hear(LoggedIn(ANN, 2)) is None  # our own
    assert sessions.hear(LoggedIn(ANN, 1)) == LoggedIn(ANN, 2)
    assert sessions.hear(LoggedIn(ANN, 3)) == 5
    assert sessions.hear(LoggedIn(ANN, 4)) is None
    assert sessions.device(ANN) is None
