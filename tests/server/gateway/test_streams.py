"""Connections are counted, in all and by network, and looked after in time."""

import logging
from pathlib import Path

import pytest

from floater.codes import Code
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig
from server.gateway.streams import Streams, endpoint_of, log_broken_off, network_of

ELSEWHERE = Endpoint("203.0.113.7", 40_000)


def test_connections_are_counted_by_network() -> None:
    streams = Streams(ServerConfig(data_dir=Path(), max_connections_per_address=2))
    kept = [streams.admit(ELSEWHERE, now=0.0) for _ in range(2)]
    assert all(kept)
    assert streams.admit(ELSEWHERE, now=0.0) is None
    assert streams.admit(Endpoint("203.0.113.8", 1), now=0.0)
    for _ in range(5):
        assert streams.admit(Endpoint("127.0.0.1", 1), now=0.0)
        assert streams.admit(Endpoint("::1", 1), now=0.0)
    assert kept[0]
    kept[0].ended()
    kept[0].ended()
    assert streams.admit(ELSEWHERE, now=0.0)
    assert streams.admit(ELSEWHERE, now=0.0) is None


def test_connections_are_counted_in_all() -> None:
    streams = Streams(ServerConfig(data_dir=Path(), max_connections=1))
    first = streams.admit(ELSEWHERE, now=0.0)
    assert first
    assert streams.admit(Endpoint("127.0.0.1", 1), now=0.0) is None
    first.ended()
    assert (len(streams), streams.half_open) == (0, 0)


def test_a_network_is_an_ipv4_address_or_an_ipv6_slash_64() -> None:
    assert network_of("203.0.113.7") == "203.0.113.7"
    assert network_of("2001:db8::1") == network_of("2001:db8::2") != network_of("2001:db8:0:1::1")
    assert endpoint_of(("::ffff:203.0.113.7", 40_000, 0, 0)) == ELSEWHERE


def test_what_is_overdue_is_called_once() -> None:
    streams = Streams(ServerConfig(data_dir=Path(), handshake_timeout=10.0))
    called: list[str] = []
    late, later, patient = (streams.admit(ELSEWHERE, now=0.0) for _ in range(3))
    assert late is not None
    assert later is not None
    assert patient is not None
    late.overdue = lambda: called.append("late")
    later.overdue, later.deadline = lambda: called.append("later"), 12.0
    patient.deadline = None
    for now in (9.9, 10.0, 11.0, 12.0, 1e9):
        streams.sweep(now)
    assert called == ["late", "later"]


def test_a_stream_without_a_transport_is_neither_closed_nor_aborted() -> None:
    streams = Streams(ServerConfig(data_dir=Path()))
    stream = streams.admit(ELSEWHERE, now=0.0)
    assert stream is not None
    deadline = stream.deadline
    streams.close()
    streams.abort()
    assert (len(streams), stream.deadline) == (1, deadline)


def test_a_stream_is_half_open_until_it_is_settled() -> None:
    streams = Streams(ServerConfig(data_dir=Path(), max_half_open=1))
    stream = streams.admit(ELSEWHERE, now=0.0)
    assert stream is not None
    assert streams.admit(ELSEWHERE, now=0.0) is None
    stream.settle()
    stream.settle()
    assert streams.half_open == 0
    assert streams.admit(ELSEWHERE, now=0.0) is not None


def test_what_is_broken_off_is_one_line_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "server.gateway"):
        log_broken_off("client", Code.BAD_FRAME)
        log_broken_off("page", 413)
    assert caplog.messages == ["< client broken off: bad_frame", "< page broken off: 413"]
