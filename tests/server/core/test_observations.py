from floater.wire.endpoint import Endpoint
from server.core.observations import HELD_FOR_STRANGERS, HELD_OPEN, MAX_SEEN, Observations, Treatment

HERE = Endpoint("203.0.113.1", 1)


def known(key: str = "key") -> Observations[int]:
    observations: Observations[int] = Observations()
    observations.expect(key)
    return observations


def test_only_the_latest_endpoints_are_remembered() -> None:
    observations = known()
    for port in range(1, MAX_SEEN + 10):
        observations.note("key", Endpoint("203.0.113.1", port))
    seen = observations.seen("key")
    assert len(seen) == MAX_SEEN
    assert Endpoint("203.0.113.1", MAX_SEEN + 9) in seen
    assert HERE not in seen


def test_a_key_that_no_connection_has_is_not_remembered() -> None:
    observations = known()
    observations.note("made up", HERE)
    assert observations.join("made up", 1) == Treatment(HELD_FOR_STRANGERS, is_trusted=False)
    assert observations.seen("made up") == frozenset()
    assert observations.trust("made up") == observations.forget("made up") == []


def test_streams_that_name_the_key_of_a_log_in_are_of_a_known_account_until_it_ends() -> None:
    observations = known()
    assert observations.join("key", 1) == Treatment(HELD_OPEN, is_trusted=False)
    assert observations.trust("key") == [1]
    assert observations.join("key", 2) == Treatment(HELD_OPEN, is_trusted=True)
    observations.part("key", 2)
    assert observations.forget("key") == [1]
    assert observations.trust("key") == []


def test_streams_of_a_key_that_has_logged_out_are_unknown_until_it_logs_in_again() -> None:
    observations = known()
    observations.join("key", 1)
    observations.trust("key")
    assert observations.distrust("key") == [1]
    assert observations.distrust("key") == []
    assert observations.join("key", 2) == Treatment(HELD_OPEN, is_trusted=False)
    assert observations.trust("key") == [1, 2]


def test_streams_that_have_parted_are_forgotten() -> None:
    observations = known()
    observations.join("key", 1)
    observations.part("key", 1)
    observations.part("key", 1)
    assert observations.trust("key") == []
    assert not observations._streams


def test_one_key_does_not_make_any_number_of_streams_known() -> None:
    observations = known()
    observations.trust("key")
    trusted = [observations.join("key", stream).is_trusted for stream in range(MAX_SEEN + 2)]
    assert trusted == [True] * MAX_SEEN + [False] * 2


def test_a_log_in_does_not_make_any_number_of_streams_known_that_named_its_key_before_or_since() -> None:
    observations = known()
    for stream in range(3 * MAX_SEEN):
        observations.join("key", stream)
    trusted = observations.trust("key")
    for stream in range(100, 100 + MAX_SEEN):
        observations.join("key", stream)
    trusted += observations.trust("key")  # as each message of the connection does
    assert trusted == list(range(MAX_SEEN))
    assert sorted(observations.forget("key")) == trusted


def test_where_a_known_stream_has_gone_the_next_one_of_its_key_is_known() -> None:
    observations = known()
    observations.trust("key")
    for stream in range(MAX_SEEN + 1):
        observations.join("key", stream)
    observations.part("key", 0)
    assert observations.trust("key") == [MAX_SEEN]
    assert observations.join("key", MAX_SEEN).is_trusted
    assert not observations.join("key", MAX_SEEN + 1).is_trusted
