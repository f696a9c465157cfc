"""The address of a server."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import Refused
from floater.wire.url import ServerUrl, encode_fingerprint, parse_server_url

PIN = bytes(range(32))
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{2,8})?", fullmatch=True),
    st.ip_addresses().map(str),
)


@given(st.builds(ServerUrl, HOSTS, st.integers(1, 65_535), st.none() | st.binary(min_size=32, max_size=32)))
def test_an_address_is_read_as_it_was_written(url: ServerUrl) -> None:
    assert parse_server_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("floater://example.org", ServerUrl("example.org", 443, None)),
        ("example.org", ServerUrl("example.org", 443, None)),
        ("  example.org:7443\n", ServerUrl("example.org", 7443, None)),
        ("192.168.1.5:7443", ServerUrl("192.168.1.5", 7443, None)),
        ("floater://bücher.example:7443", ServerUrl("xn--bcher-kva.example", 7443, None)),
        ("例え\u3002example", ServerUrl("xn--r8jz45g.example", 443, None)),
        ("[fe80::1%eth0]:7443", ServerUrl("fe80::1%eth0", 7443, None)),
        ("floater://[2001:db8::1]:7443/", ServerUrl("2001:db8::1", 7443, None)),
        (f"h:1#{encode_fingerprint(PIN)}", ServerUrl("h", 1, PIN)),
    ],
)
def test_what_people_type_is_understood(text: str, url: ServerUrl) -> None:
    assert parse_server_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "://",
        "floater://",
        "https://example.org",
        "example.org:0",
        "example.org:65536",
        "example.org:-1",
        "example.org:https",
        "example.org/path",
        "example.org?query",
        "somebody@example.org",
        "somebody:secret@example.org",
        "exa mple.org",
        "[::1",
        "[fe80::1%]",
        "[2001:db8::1%eth0]",
        "[fe80::1%eth0/x]",
        "bü\u200bcher..example",
        "-ü.example",
        "x" * 254,
        "h#tooshort",
        "h#" + "A" * 44,
        "h#" + "!" + encode_fingerprint(PIN),
        "h#" + encode_fingerprint(PIN) + "=",
        "h#" + encode_fingerprint(PIN)[:-1] + "9",
    ],
)
def test_everything_else_is_no_address(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_server_url(text)
    assert caught.value.code is Code.SERVER_URL_INVALID


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    with suppress(Refused):
        url = parse_server_url(text)
        assert parse_server_url(str(url)) == url
