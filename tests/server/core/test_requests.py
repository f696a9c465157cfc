import pytest

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import Ping
from server.core.requests import MAX_WAITING, Requests


def test_requests_are_carried_out_one_after_the_other_in_their_order() -> None:
    requests = Requests()
    assert [requests.add(Ping(id=number)) for number in (7, 5, 6)] == [True, False, False]
    assert [requests.next() for _ in range(3)] == [Ping(id=5), Ping(id=6), None]
    assert requests.add(Ping(id=8))
    assert requests.next() is None


def test_an_id_without_an_answer_is_in_use_and_free_again_after_it() -> None:
    requests = Requests()
    requests.add(Ping(id=1))
    requests.add(Ping(id=2))
    for number in (1, 2):
        with pytest.raises(RemoteProtocolError) as caught:
            requests.add(Ping(id=number))
        assert caught.value.code is Code.BAD_FIELD
    requests.next()
    assert not requests.add(Ping(id=1))


def test_no_more_is_read_while_too_many_wait() -> None:
    requests = Requests()
    for number in range(MAX_WAITING):
        requests.add(Ping(id=1 + number))
        assert not requests.is_full
    requests.add(Ping(id=1_000))
    assert requests.is_full
    requests.next()
    assert not requests.is_full


def test_what_waits_is_forgotten_when_the_connection_is_gone() -> None:
    requests = Requests()
    requests.add(Ping(id=1))
    requests.add(Ping(id=2))
    requests.clear()
    assert requests.next() is None
