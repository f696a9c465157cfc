from contextlib import suppress
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import ServerRefused
from server.core.networks import network_of
from server.services.limits import Limits
from tests.helpers.accounts import NO_LIMITS, cheap


class Monotonic:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limits(folder: Path, clock: Monotonic, rule: str, *, local: bool = False) -> Limits:
    return Limits(cheap(folder, local=local, **(NO_LIMITS | {"log_in_limit": rule})), clock)


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
    given = limits(tmp_path, Monotonic(), "1/60 - -", local=True)
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert not is_refused(given, address)
        assert not is_refused(given, address)
    for address in ("2002:7f00:1::", "64:ff9b::7f00:1", "0.0.0.0", "nonsense"):
        assert not is_refused(given, address)
        assert is_refused(given, address)


def test_this_computer_is_one_source_where_it_may_be_a_tunnel(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "1/60 - -")
    assert not is_refused(given, "127.0.0.1")
    assert is_refused(given, "127.0.0.1")


@pytest.mark.parametrize("step", ["sign_up", "forgot", "code"])
def test_a_slash_48_that_floods_a_limit_in_all_keeps_no_other_out(tmp_path: Path, step: str) -> None:
    """An honest request a second from ever new places, beside 25 a second from ever new networks of a /48."""
    clock = Monotonic()
    given = Limits(cheap(tmp_path), clock)
    refused = 0
    for second in range(600):
        for number in range(25):
            with suppress(ServerRefused):
                given.take(step, source=f"2001:db8:1:{second * 25 + number:x}::1", who=b"")
            clock.now += 0.04
        try:
            given.take(step, source=f"198.{second // 256}.{second % 256}.7")
        except ServerRefused:
            refused += 1
    assert refused <= 6


def test_fifty_sites_that_flood_leave_a_share_to_newcomers(tmp_path: Path) -> None:
    clock = Monotonic()
    given = Limits(cheap(tmp_path, code_limit="- - 1200/60"), clock)
    refused = 0
    for second in range(200):
        for number in range(50):
            with suppress(ServerRefused):
                given.take("code", source=f"2001:db8:{number:x}:{second:x}::1")
        clock.now += 1.0
        try:
            given.take("code", source=f"198.{second // 256}.{second % 256}.7")
        except ServerRefused:
            refused += 1
    assert refused <= 2


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
    assert not is_refused(given, "198.51.100.9")


def test_a_stranger_s_tries_do_not_keep_an_owner_out_where_they_have_logged_in(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "- 60/3600 -")
    given.remember(b"anna", "203.0.113.5")
    tried = [is_refused(given, f"198.51.{n % 100}.7", b"anna") for n in range(10_000)]
    assert tried.count(False) == 60
    assert not is_refused(given, "203.0.113.5", b"anna")
    assert is_refused(given, "203.0.113.6", b"anna")
    at_home = [is_refused(given, "203.0.113.5", b"anna") for _ in range(100)]
    assert at_home.count(False) == 59


def test_only_so_many_networks_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.services.limits.MAX_KNOWN", 2)
    given = limits(tmp_path, Monotonic(), "- 1/3600 -")
    for number in range(3):
        given.remember(b"anna", f"203.0.113.{number}")
    assert not is_refused(given, "198.51.100.7", b"anna")
    known = [not is_refused(given, f"203.0.113.{number}", b"anna") for number in range(3)]
    assert known == [False, True, True]


def test_a_source_and_an_account_of_the_same_bytes_are_not_mixed_up(tmp_path: Path) -> None:
    given = limits(tmp_path, Monotonic(), "1/60 1/60 -")
    assert not is_refused(given, "203.0.113.5")
    assert not is_refused(given, "203.0.113.6", network_of("203.0.113.5"))


def test_a_limit_without_its_three_rates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="three rates"):
        limits(tmp_path, Monotonic(), "1/60")
