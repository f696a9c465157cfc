import pytest

from server.core.limits import STEPS, Limits
from server.core.networks import network_of
from server.core.rates import parse_rates


def limits(rule: str, *, local: bool = False) -> Limits:
    return Limits(dict.fromkeys(STEPS, parse_rates(rule)), local=local)


def is_refused(given: Limits, source: str, who: bytes = b"", *, now: float = 0.0) -> bool:
    return given.take("log_in", now=now, source=source, who=who) > 0.0


def test_one_source_is_an_ipv4_address_or_an_ipv6_64() -> None:
    given = limits("1/60 - -")
    assert not is_refused(given, "203.0.113.5")
    assert is_refused(given, "203.0.113.5")
    assert is_refused(given, "::ffff:203.0.113.5")
    assert not is_refused(given, "203.0.113.6")
    assert not is_refused(given, "2001:db8:1:2::5")
    assert is_refused(given, "2001:db8:1:2:ffff::1")
    assert not is_refused(given, "2001:db8:1:3::5")


def test_this_computer_is_no_source_and_nothing_that_only_looks_like_it_is() -> None:
    given = limits("1/60 - -", local=True)
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert not is_refused(given, address)
        assert not is_refused(given, address)
    for address in ("2002:7f00:1::", "64:ff9b::7f00:1", "0.0.0.0", "nonsense"):
        assert not is_refused(given, address)
        assert is_refused(given, address)


def test_this_computer_is_one_source_where_it_may_be_a_tunnel() -> None:
    given = limits("1/60 - -")
    assert not is_refused(given, "127.0.0.1")
    assert is_refused(given, "127.0.0.1")


@pytest.mark.search
@pytest.mark.parametrize(
    "rule", ["30/3600 5/7200 600/60", "20/3600 3/14400 300/60", "60/3600 20/7200 1200/60"]
)
def test_a_slash_48_that_floods_a_limit_in_all_keeps_no_other_out(rule: str) -> None:
    """An honest request a second from ever new places, beside 25 a second from ever new networks of a /48."""
    given, now, refused = limits(rule), 0.0, 0
    for second in range(600):
        for number in range(25):
            is_refused(given, f"2001:db8:1:{second * 25 + number:x}::1", now=now)
            now += 0.04
        refused += is_refused(given, f"198.{second // 256}.{second % 256}.7", now=now)
    assert refused <= 6


def test_fifty_sites_that_flood_leave_a_share_to_newcomers() -> None:
    given, refused = limits("- - 1200/60"), 0
    for second in range(200):
        for number in range(50):
            is_refused(given, f"2001:db8:{number:x}:{second:x}::1", now=float(second))
        refused += is_refused(given, f"198.{second // 256}.{second % 256}.7", now=second + 1.0)
    assert refused <= 2


def test_this_computer_is_held_to_the_other_limits() -> None:
    given = limits("- 1/60 -")
    assert not is_refused(given, "127.0.0.1", b"anna")
    assert is_refused(given, "127.0.0.1", b"anna")
    assert not is_refused(given, "127.0.0.1", b"bert")


def test_everybody_together_has_a_limit_too() -> None:
    given = limits("- - 2/60")
    assert [is_refused(given, f"203.0.113.{n}") for n in range(3)] == [False, False, True]
    assert not is_refused(given, "198.51.100.9", now=30.0)


def test_steps_are_counted_apart_and_no_wait_is_longer_than_a_day() -> None:
    given = limits("- 1/1000000 -")
    assert [given.take(step, now=0.0, who=b"anna") for step in STEPS] == [0.0] * len(STEPS)
    assert given.take("code", now=0.0, who=b"anna") == 86_400.0


def test_a_stranger_s_tries_do_not_keep_an_owner_out_where_they_have_logged_in() -> None:
    given = limits("- 60/3600 -")
    given.remember(b"anna", "203.0.113.5")
    tried = [is_refused(given, f"198.51.{n % 100}.7", b"anna") for n in range(10_000)]
    assert tried.count(False) == 60
    assert not is_refused(given, "203.0.113.5", b"anna")
    assert is_refused(given, "203.0.113.6", b"anna")
    at_home = [is_refused(given, "203.0.113.5", b"anna") for _ in range(100)]
    assert at_home.count(False) == 59


def test_only_so_many_networks_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.core.limits.MAX_KNOWN", 2)
    given = limits("- 1/3600 -")
    for number in range(3):
        given.remember(b"anna", f"203.0.113.{number}")
    assert not is_refused(given, "198.51.100.7", b"anna")
    known = [not is_refused(given, f"203.0.113.{number}", b"anna") for number in range(3)]
    assert known == [False, True, True]


def test_an_account_that_logs_in_from_ever_new_networks_makes_no_other_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.core.limits.MAX_KNOWN", 10)
    given = limits("- 1/3600 -")
    given.remember(b"anna", "203.0.113.5")
    for number in range(100):
        given.remember(b"eve", f"2001:db8:1:{number:x}::1")
    assert not is_refused(given, "198.51.100.7", b"anna")
    assert not is_refused(given, "203.0.113.5", b"anna")
    assert len(given._known) == 10


def test_a_source_and_an_account_of_the_same_bytes_are_not_mixed_up() -> None:
    given = limits("1/60 1/60 -")
    assert not is_refused(given, "203.0.113.5")
    assert not is_refused(given, "203.0.113.6", network_of("203.0.113.5"))


def test_a_limit_without_its_three_rates_is_refused() -> None:
    with pytest.raises(ValueError, match="three rates"):
        limits("1/60")


def test_a_device_has_a_limit_of_its_own_for_its_account_wherever_it_is() -> None:
    given = limits("- 2/60 -")
    for number in range(100):  # others, from everywhere, and from the owner's own network
        is_refused(given, f"203.0.{number}.7", b"anna")
        is_refused(given, "198.51.100.9", b"anna")
    assert is_refused(given, "198.51.100.9", b"anna")
    tries = [
        given.take("log_in", now=0.0, source=source, who=b"anna", device=b"phone")
        for source in ("198.51.100.9", "192.0.2.1", "192.0.2.1")
    ]
    assert tries == [0.0, 0.0, 30.0]
    assert given.take("log_in", now=0.0, source="192.0.2.1", who=b"anna", device=b"laptop") == 0.0


def test_a_device_is_held_to_the_limits_of_its_network() -> None:
    given = limits("1/60 9/60 -")
    assert not is_refused(given, "203.0.113.5")
    assert given.take("log_in", now=0.0, source="203.0.113.5", who=b"anna", device=b"phone") > 0.0
