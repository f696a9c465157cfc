"""Connections are counted, in all and by network, and looked after in time."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from floater.codes import Code
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig
from server.core.admission import Bounds, Stage
from server.gateway.streams import Streams, endpoint_of, log_broken_off

ELSEWHERE = Endpoint("203.0.113.7", 40_000)


def streams_of(**knobs: Any) -> Streams:
    return Streams(ServerConfig(data_dir=Path(), **knobs))


def test_of_too_many_the_oldest_is_cut_whatever_serves_it() -> None:
    streams = streams_of(max_half_open_per_address=1)
    cut: list[str] = []
    first = streams.admit(ELSEWHERE, now=0.0)
    assert first is not None
    first.cut = lambda: cut.append("first")
    assert streams.admit(ELSEWHERE, now=0.0) is not None
    assert cut == ["first"]
    assert (first.stage, len(streams)) == (Stage.GONE, 1)


def test_there_may_be_no_place() -> None:
    streams = streams_of(max_connections=1)
    first = streams.admit(ELSEWHERE, now=0.0)
    assert first is not None
    first.settle()
    first.trust()
    assert streams.admit(ELSEWHERE, now=0.0) is None
    assert len(streams) == 1
    first.ended()
    first.ended()
    assert len(streams) == 0


def test_a_log_out_may_cut_another() -> None:
    streams = streams_of(max_unknown_per_address=1)
    cut: list[str] = []
    one, two = (streams.admit(ELSEWHERE, now=0.0) for _ in range(2))
    assert one is not None
    assert two is not None
    for stream, name in ((one, "one"), (two, "two")):
        stream.cut = partial(cut.append, name)
        stream.trust()
    one.distrust()
    assert cut == []
    two.distrust()
    assert cut == ["one"]


def test_the_knobs_are_the_bounds() -> None:
    knobs = {
        "max_connections": 10,
        "max_connections_per_address": 9,
        "max_half_open": 8,
        "max_half_open_per_address": 7,
        "max_unknown_per_address": 6,
    }
    bounds = Bounds(in_all=10, of_network=9, half_open=8, half_open_of_network=7, unknown_of_network=6)
    assert streams_of(**knobs).admission._bounds == bounds


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
    stream = streams_of().admit(ELSEWHERE, now=0.0)
    assert stream is not None
    stages = [stream.stage]
    for _ in range(2):
        stream.settle()
        stages.append(stream.stage)
    assert stages == [Stage.HALF_OPEN, Stage.UNKNOWN, Stage.UNKNOWN]


def test_what_is_broken_off_is_one_line_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "server.gateway"):
        log_broken_off("client", Code.BAD_FRAME)
        log_broken_off("page", 413)
    assert caplog.messages == ["< client broken off: bad_frame", "< page broken off: 413"]
