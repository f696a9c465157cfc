import pytest

from server.core.call_rates import CallRates
from server.core.rates import Rate


def test_a_network_a_site_and_all_have_their_shares() -> None:
    rates = CallRates(of_network=Rate(1, 10.0), of_site=Rate(2, 10.0), in_all=Rate(3, 30.0))
    callers = [(b"a", b"x"), (b"a", b"x"), (b"b", b"x"), (b"c", b"x"), (b"d", b"y"), (b"e", b"z")]
    waits = [rates.take(network=network, site=site, now=0.0) for network, site in callers]
    assert waits == pytest.approx([0.0, 10.0, 0.0, 5.0, 0.0, 10.0])
    assert rates.take(network=b"a", site=b"x", now=10.0) == 0.0


def test_without_limits_nothing_is_refused() -> None:
    rates = CallRates()
    assert not any(rates.take(network=b"a", site=b"x", now=0.0) for _ in range(1_000))


def test_a_network_and_a_site_of_the_same_bytes_are_not_mixed_up() -> None:
    rates = CallRates(of_network=Rate(1, 10.0), of_site=Rate(1, 10.0))
    assert rates.take(network=b"a", site=b"b", now=0.0) == 0.0
    assert rates.take(network=b"b", site=b"a", now=0.0) == 0.0
