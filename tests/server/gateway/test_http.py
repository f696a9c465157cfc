"""The pages, over a real TLS socket."""

import asyncio
import socket
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from server.gateway.http import MAX_BODY, http_protocol
from tests.helpers.accounts import (
    NO_LIMITS,
    PASSWORD,
    cheap,
)
from tests.server.gateway.pages import pages

OTHER = "another long password"


@pytest.mark.asyncio
@pytest.mark.parametrize("target", ["/activate", "/reset?token=x", "/nowhere", "/health"])
async def test_every_answer_is_locked_down(tmp_path: Path, target: str) -> None:
    async with pages(tmp_path) as site:
        answer = await site.get(target)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["connection"] == "close"
        assert "<script" not in answer.body
        assert "server" not in answer.headers


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PUT /activate HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /health HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /activate HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n", 415),
        (b"GET /activate HTTP/1.0\r\n\r\n", 505),
        (b"GET /activate HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01 what is this\r\n\r\n", 400),
        (b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5_000 + b"\r\n", 431),
        (b"POST /activate HTTP/1.1\r\nHost: x\r\nContent-Length: 8193\r\n\r\n", 413),
        (b"POST /activate HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /activate HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ],
)
async def test_what_is_no_request_for_a_page_gets_a_number(
    tmp_path: Path, request_bytes: bytes, status: int
) -> None:
    async with pages(tmp_path) as site:
        assert (await site.send(request_bytes)).status == status


@pytest.mark.asyncio
async def test_a_body_without_a_length_is_bounded_too(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        head = (
            b"POST /activate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        chunk = b"400\r\n" + b"a" * 1_024 + b"\r\n"
        assert (await site.send(head + chunk * (MAX_BODY // 1_024 + 1))).status == 413
        assert (await site.send(head + b"7\r\ntoken=x\r\n0\r\n\r\n")).status == 400


@pytest.mark.asyncio
async def test_how_a_request_is_split_never_matters(tmp_path: Path) -> None:
    async with pages(tmp_path, **NO_LIMITS) as site:
        body = urlencode({"token": "x", "password": PASSWORD, "repeat": PASSWORD}).encode()
        request = (
            b"POST /reset HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        ) + body
        answers = [await site.send(request, pieces) for pieces in (1, 7, len(request))]
        assert {(answer.status, answer.body) for answer in answers} == {(400, answers[0].body)}


@pytest.mark.asyncio
async def test_who_does_not_ask_in_time_is_hung_up_on(tmp_path: Path) -> None:
    async with pages(tmp_path, http_deadline=0.1) as site:
        reader, writer = await site.connect()
        writer.write(b"GET /activate HTTP/1.1\r\nHo")
        async with asyncio.timeout(30):
            try:
                assert await reader.read() == b""
            except ConnectionError:
                pass
        writer.close()


@pytest.mark.asyncio
async def test_whoever_hangs_up_early_harms_nobody(tmp_path: Path) -> None:
    async with pages(tmp_path, **NO_LIMITS) as site:
        for cut in (0, 5, 40, 200):
            _, writer = await site.connect()
            writer.write(
                b"POST /activate HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n".ljust(200)[:cut]
            )
            writer.transport.abort()
        assert (await site.get("/health")).status == 200


@pytest.mark.asyncio
async def test_too_many_tries_say_when_to_come_again(tmp_path: Path) -> None:
    async with pages(tmp_path, link_limit="- - 1/100") as site:
        assert (await site.post("/activate", token="x")).status == 400
        answer = await site.post("/activate", token="x")
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= 101


@pytest.mark.asyncio
async def test_a_page_is_limited_by_the_address_from_which_its_connection_was_accepted(
    tmp_path: Path,
) -> None:
    """A transport may know of none: the client may have reset the connection since."""
    request = (
        b"POST /activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 7\r\n\r\ntoken=x"
    )
    statuses = []
    async with pages(tmp_path, link_limit="2/3600 - -") as site:
        for _ in range(3):
            ours, theirs = socket.socketpair()
            made = partial(http_protocol, "203.0.113.7", site.accounts, cheap(tmp_path))
            await asyncio.get_running_loop().connect_accepted_socket(made, ours)
            reader, writer = await asyncio.open_connection(sock=theirs)
            writer.write(request)
            statuses.append((await reader.read()).split()[1])
            writer.close()
    assert statuses == [b"400", b"400", b"429"]
