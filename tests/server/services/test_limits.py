from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import ServerRefused
from server.services.limits import Limits, network_of
from tests.helpers.accounts import NO_LIMITS, cheap


class Monotonic:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limits(folder: Path, clock: Monotonic, rule: str) -> Limits:
    return Limits(cheap(folder, **(NO_LIMITS | {"log_in_limit": rule})), clock)


def is_refused(given: Limits, source: str, who: bytes = b"") -> bool:
    try:
        given.take("log_in", source=source, who=who)
    except ServerRefused as error:
        return error.code is Code.TOO_MANY_TRIES and error.retry_after > 0
    return False


def test_one_source_is_an_ipv4_address_or_an_ipv6_64(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "1/60 - -")
    assert not is_refused(given, "203.0.113.5")
    assert is_refused(given, "203.0.113.5")
    assert is_refused(given, "::ffff:203.0.113.5")
    assert not is_refused(given, "203.0.113.6")
    assert not is_refused(given, "2001:db8:1:2::5")
    assert is_refused(given, "2001:db8:1:2:ffff::1")
    assert not is_refused(given, "2001:db8:1:3::5")


def test_this_computer_is_no_source_and_nothing_that_only_looks_like_it_is(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "1/60 - -")
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert not is_refused(given, address)
        assert not is_refused(given, address)
    for address in ("2002:7f00:1::", "64:ff9b::7f00:1", "0.0.0.0", "nonsense"):
        assert not is_refused(given, address)
        assert is_refused(given, address)


def test_this_computer_is_held_to_the_other_limits(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "- 1/60 -")
    assert not is_refused(given, "127.0.0.1", b"anna")
    assert is_refused(given, "127.0.0.1", b"anna")
    assert not is_refused(given, "127.0.0.1", b"bert")


def test_everybody_together_has_a_limit_too(tmp_path: Path) -> None:
    clock = Monotonic()
    given = limits(tmp_path, clock, "- - 2/60")
    assert [is_refused(given, f"203.0.113.{n}") for n in range(3)] == [False, False, True]
    clock.now = 30.0
    assert not is_refused(given, "203.0.113.9")


def test_a_source_and_an_account_of_the_same_bytes_are_not_mixed_up(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "1/60 1/60 -")
    assert not is_refused(given, "203.0.113.5")
    assert not is_refused(given, "203.0.113.6", network_of("203.0.113.5"))


def test_a_limit_without_its_three_rates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="three rates"):
        limits(tmp_path, Monotonic(), "1/60")
