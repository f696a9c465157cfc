import pytest

from floater import errors
from floater.codes import Code
from floater.errors import FloaterError, LocalProtocolError, ServerRefused


def test_an_error_carries_its_code_and_what_goes_into_the_log() -> None:
    plain, detailed = FloaterError(Code.BUSY), FloaterError(Code.BUSY, "hashing")
    assert (plain.code, plain.detail, str(plain)) == (Code.BUSY, "", "busy")
    assert (detailed.code, detailed.detail, str(detailed)) == (Code.BUSY, "hashing", "busy: hashing")


def test_a_mistake_of_our_own_is_internal() -> None:
    error = LocalProtocolError("begun twice")
    assert (error.code, error.detail) == (Code.INTERNAL, "begun twice")


def test_a_server_says_when_to_ask_again() -> None:
    assert ServerRefused(Code.BUSY, retry_after=2.5).retry_after == 2.5
    assert ServerRefused(Code.WRONG_LOG_IN).retry_after == 0.0


@pytest.mark.parametrize(
    "kind", ["RemoteProtocolError", "Refused", "Unreachable", "LinkClosed", "ServerRefused"]
)
def test_every_kind_is_caught_as_one_of_ours(kind: str) -> None:
    with pytest.raises(FloaterError) as caught:
        raise getattr(errors, kind)(Code.NO_PATH, "why")
    assert (caught.value.code, caught.value.detail) == (Code.NO_PATH, "why")
