"""Connections are counted, in all and by network, and looked after in time."""

import logging
from pathlib import Path
from typing import Any

import pytest

from floater.codes import Code
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig
from server.gateway.streams import Stage, Stream, Streams, endpoint_of, log_broken_off

ELSEWHERE = Endpoint("203.0.113.7", 40_000)


def streams_of(**knobs: Any) -> Streams:
    return Streams(ServerConfig(data_dir=Path(), **knobs))


class Crowding:
    """Connections of which it is noted who was cut off."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.cut: list[str] = []

    def admit(self, host: str, name: str = "", *, stage: Stage = Stage.HALF_OPEN) -> Stream | None:
        stream = self.streams.admit(Endpoint(host, 1), now=0.0)
        if stream is None:
            return None
        stream.cut = lambda: self.cut.append(name or host)
        if stage is not Stage.HALF_OPEN:
            stream.settle()
        if stage is Stage.KNOWN:
            stream.trust()
        return stream


def test_a_network_that_is_full_of_known_accounts_takes_no_more() -> None:
    crowd = Crowding(streams_of(max_connections_per_address=2))
    kept = [crowd.admit(ELSEWHERE.host, stage=Stage.KNOWN) for _ in range(2)]
    assert all(kept)
    assert crowd.admit(ELSEWHERE.host) is None
    assert crowd.admit("203.0.113.8")
    assert kept[0]
    kept[0].ended()
    kept[0].ended()
    assert crowd.admit(ELSEWHERE.host)
    assert not crowd.cut


def test_this_computer_is_one_source_like_others_unless_the_operator_trusts_it() -> None:
    for local in (True, False):
        crowd = Crowding(streams_of(max_connections_per_address=2, max_half_open_per_address=2, local=local))
        for _ in range(5):
            assert crowd.admit("127.0.0.1", stage=Stage.KNOWN) or not local
            assert crowd.admit("::1") or not local
        assert len(crowd.streams) == (10 if local else 4)


def test_two_thousand_silent_ones_of_two_networks_keep_nobody_out() -> None:
    crowd = Crowding(streams_of())
    for number in range(2_000):
        assert crowd.admit(f"203.0.113.{number % 2}", "silent")
    for number in range(40):
        assert crowd.admit(f"198.51.{number}.7", "honest")
    assert set(crowd.cut) == {"silent"}
    assert crowd.streams.half_open == 2 * 64 + 40


def test_one_slash_48_takes_no_place_from_any_other() -> None:
    crowd = Crowding(streams_of())
    for number in range(5_000):
        assert crowd.admit(f"2001:db8:1:{number:x}::1", "silent")
    assert crowd.streams.half_open == 256
    for number in range(100):
        assert crowd.admit(f"2001:db8:{number + 2:x}::1", "honest")
    assert set(crowd.cut) == {"silent"}


def test_many_sites_that_fill_all_places_lose_their_oldest() -> None:
    crowd = Crowding(streams_of(max_half_open=100))
    for number in range(300):
        assert crowd.admit(f"10.0.{number % 50}.1", "silent")
    for number in range(40):
        assert crowd.admit(f"198.51.{number}.7", "honest")
    assert set(crowd.cut) == {"silent"}
    assert crowd.streams.half_open == 100


def test_what_is_not_logged_in_has_half_of_all_places_and_a_share_of_each_network() -> None:
    crowd = Crowding(streams_of(max_connections=100, max_unknown_per_address=5))
    for number in range(200):
        assert crowd.admit(f"203.0.113.{number % 2}", "guest", stage=Stage.UNKNOWN)
    assert len(crowd.streams) == 10
    for number in range(200):
        assert crowd.admit(f"10.0.{number}.1", "guest", stage=Stage.UNKNOWN)
    assert len(crowd.streams) == 50
    for number in range(50):
        assert crowd.admit(f"198.51.{number}.7", "member", stage=Stage.KNOWN)
    assert crowd.admit("198.51.99.7", "member", stage=Stage.KNOWN)
    assert "member" not in crowd.cut


def test_a_server_full_of_known_accounts_takes_no_more() -> None:
    crowd = Crowding(streams_of(max_connections=1, local=True))
    first = crowd.admit(ELSEWHERE.host, stage=Stage.KNOWN)
    assert first
    assert crowd.admit("127.0.0.1") is None
    first.ended()
    assert (len(crowd.streams), crowd.streams.half_open) == (0, 0)


def test_a_log_out_counts_a_connection_among_the_unknown_again() -> None:
    crowd = Crowding(streams_of(max_unknown_per_address=1))
    streams = [crowd.admit(ELSEWHERE.host, name, stage=Stage.KNOWN) for name in ("one", "two")]
    for stream in streams:
        assert stream
        stream.distrust()
        stream.distrust()
    assert crowd.cut == ["one"]
    assert [stream and stream.stage for stream in streams] == [Stage.GONE, Stage.UNKNOWN]
    assert streams[0]
    streams[0].trust()
    streams[0].settle()
    assert len(crowd.streams) == 1


def test_an_ipv4_address_within_ipv6_is_that_address() -> None:
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
    streams = streams_of(max_half_open=1)
    stream = streams.admit(ELSEWHERE, now=0.0)
    assert stream is not None
    assert streams.half_open == 1
    stream.settle()
    stream.settle()
    assert streams.half_open == 0
    assert streams.admit(ELSEWHERE, now=0.0) is not None


def test_what_is_broken_off_is_one_line_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "server.gateway"):
        log_broken_off("client", Code.BAD_FRAME)
        log_broken_off("page", 413)
    assert caplog.messages == ["< client broken off: bad_frame", "< page broken off: 413"]
