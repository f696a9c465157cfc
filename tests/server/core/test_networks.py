import pytest

from server.core.networks import is_loopback, is_within, network_of, parse_address, parse_networks, site_of


def test_a_network_is_an_ipv4_address_or_an_ipv6_slash_64() -> None:
    assert network_of("203.0.113.7") != network_of("203.0.113.8")
    assert network_of("::ffff:203.0.113.7") == network_of("203.0.113.7")
    assert network_of("2001:db8::1") == network_of("2001:db8::2%eth0") != network_of("2001:db8:0:1::1")


def test_a_site_is_an_ipv4_slash_24_or_an_ipv6_slash_48() -> None:
    assert site_of("203.0.113.7") == site_of("203.0.113.8") != site_of("203.0.114.7")
    assert site_of("2001:db8:1::1") == site_of("2001:db8:1:ffff::1") != site_of("2001:db8:2::1")
    assert site_of("::ffff:203.0.113.7") == site_of("203.0.113.7")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_computer_is_known_by_all_its_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["2002:7f00:1::", "64:ff9b::7f00:1", "0.0.0.0", "nonsense", ""])
def test_what_only_looks_like_this_computer_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_what_is_no_address_is_one_network_of_its_own() -> None:
    assert parse_address("nonsense") is None
    assert network_of("nonsense") == site_of("nonsense") == b"?"


def test_an_address_lies_in_the_networks_that_contain_it() -> None:
    networks = parse_networks(("127.0.0.1", "10.1.2.3/8", "2001:db8::/32"))
    for host in ("127.0.0.1", "::ffff:127.0.0.1", "10.9.9.9", "2001:db8:1::1"):
        assert is_within(host, networks)
    for host in ("127.0.0.2", "11.0.0.1", "2001:db9::1", "nonsense"):
        assert not is_within(host, networks)
    assert not is_within("127.0.0.1", ())


@pytest.mark.parametrize("text", ["", "proxy.example.org", "10.0.0.0/33", "127.0.0.1:80"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_networks((text,))
