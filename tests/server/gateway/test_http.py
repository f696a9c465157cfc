"""The pages, over a real TLS socket."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from floater.crypto.certificate import load_certified_key, make_certified_key
from floater.wire import control
from server.gateway.http import MAX_BODY, http_protocol
from server.services.accounts import Accounts
from tests.helpers.accounts import (
    ANNA,
    HOME,
    NO_LIMITS,
    PASSWORD,
    Clock,
    Mailbox,
    a_log_in,
    a_sign_up,
    an_account,
    cheap,
    code_of,
    link_of,
    opened,
)

OTHER = "another long password"


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Pages:
    accounts: Accounts
    port: int
    mailbox: Mailbox

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context)

    async def send(self, request: bytes, pieces: int = 1) -> Response:
        """Send bytes as they are, and read until the server hangs up."""
        reader, writer = await self.connect()
        size = -(-len(request) // pieces)
        for at in range(0, len(request), size):
            writer.write(request[at : at + size])
            await writer.drain()
        try:
            async with asyncio.timeout(30):
                answer = await reader.read()
        finally:
            writer.transport.abort()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return Response(int(lines[0].split()[1]), headers, body.decode("utf-8"))

    async def get(self, target: str, *headers: str, method: str = "GET") -> Response:
        lines = [f"{method} {target} HTTP/1.1", "Host: chat.example.org", *headers, "", ""]
        return await self.send("\r\n".join(lines).encode("latin-1"))

    async def post(self, target: str, **fields: str) -> Response:
        body = urlencode(fields).encode("ascii")
        head = (
            f"POST {target} HTTP/1.1\r\nHost: chat.example.org\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        return await self.send(head.encode("ascii") + body)


@asynccontextmanager
async def pages(folder: Path, clock: Clock | None = None, **knobs: Any) -> AsyncIterator[Pages]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    load_certified_key(context, make_certified_key())
    async with opened(folder, clock, **knobs) as accounts:
        config = cheap(folder, **knobs)
        server = await asyncio.get_running_loop().create_server(
            lambda: http_protocol(accounts, config), "127.0.0.1", 0, ssl=context
        )
        try:
            yield Pages(accounts, server.sockets[0].getsockname()[1], Mailbox(folder))
        finally:
            server.close()
            await server.wait_closed()


@pytest.mark.asyncio
async def test_looking_at_the_link_activates_nothing_and_the_button_does(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await site.accounts.sign_up(a_sign_up(), HOME)
        link = link_of(await site.mailbox.next())
        for method in ("GET", "HEAD", "GET"):
            seen = await site.get(f"/activate?token={link}&lang=en", method=method)
            assert seen.status == 200
            assert ("<button>Activate</button>" in seen.body) == (method == "GET")
        with pytest.raises(Exception, match="not_activated"):
            await a_log_in(site.accounts)
        pressed = await site.post("/activate?lang=en", token=link)
        assert (pressed.status, "Your account is ready" in pressed.body) == (200, True)
        await a_log_in(site.accounts)
        again = await site.post("/activate?lang=en", token=link)
        assert (again.status, "has been used" in again.body) == (400, True)


@pytest.mark.asyncio
async def test_the_code_can_be_entered_on_the_page(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await site.accounts.sign_up(a_sign_up(), HOME)
        code = code_of(await site.mailbox.next())
        form = await site.get("/activate")
        assert 'name="email"' in form.body
        assert 'name="code"' in form.body
        wrong = await site.post("/activate", email=ANNA, code="abc")
        assert wrong.status == 400
        assert f'value="{ANNA}"' in wrong.body
        assert (await site.post("/activate", email=ANNA, code=code)).status == 200
        await a_log_in(site.accounts)


@pytest.mark.asyncio
async def test_a_new_password_is_set_by_the_link_of_the_mail(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await an_account(site.accounts, site.mailbox)
        await site.accounts.forgot_password(control.ForgotPassword(id=1, email=ANNA), HOME)
        link = link_of(await site.mailbox.next())
        form = await site.get(f"/reset?token={link}")
        assert form.body.count('type="password"') == 2
        differ = await site.post("/reset", token=link, password=OTHER, repeat=OTHER + "x")
        assert (differ.status, "differ" in differ.body) == (400, True)
        assert OTHER not in differ.body
        common = await site.post("/reset", token=link, password="password1", repeat="password1")
        assert (common.status, f'value="{link}"' in common.body) == (400, True)
        await a_log_in(site.accounts)
        assert (await site.post("/reset", token=link, password=OTHER, repeat=OTHER)).status == 200
        await a_log_in(site.accounts, password=OTHER)
        assert (await site.post("/reset", token=link, password=OTHER, repeat=OTHER)).status == 400


@pytest.mark.asyncio
async def test_a_new_password_is_set_by_the_code_of_the_mail(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await an_account(site.accounts, site.mailbox)
        await site.accounts.forgot_password(control.ForgotPassword(id=1, email=ANNA), HOME)
        code = code_of(await site.mailbox.next())
        done = await site.post("/reset", email=ANNA, code=code, password=OTHER, repeat=OTHER)
        assert done.status == 200
        await a_log_in(site.accounts, password=OTHER)


@pytest.mark.asyncio
async def test_the_page_speaks_the_language_of_the_link_or_of_the_browser(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        assert "激活账号" in (await site.get("/activate?lang=zh")).body
        assert "激活账号" in (await site.get("/activate", "Accept-Language: zh-TW,en;q=0.5")).body
        assert "Activate your account" in (await site.get("/activate", "Accept-Language: fr")).body
        zh = await site.get("/activate?lang=zh&token=abc", "Accept-Language: en")
        assert 'lang="zh-CN"' in zh.body
        assert "/activate?lang=en&amp;token=abc" in zh.body
        bad = await site.post("/reset?lang=zh", token="x", password="12345678", repeat="12345678")
        assert re.search(r'class="problem"[^<]*[一-鿿]', bad.body)


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
async def test_what_a_stranger_writes_stays_text(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        evil = '"><script>alert(1)</script>'
        for answer in (
            await site.get("/activate?" + urlencode({"token": evil, "lang": evil})),
            await site.post("/activate", token="", email=evil, code=evil),
            await site.post("/reset", token=evil, password="x", repeat="y"),
        ):
            assert "<script" not in answer.body


@pytest.mark.asyncio
async def test_health_is_one_word(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        answer = await site.get("/health")
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
        assert answer.headers["content-type"] == "application/json"
        assert (await site.get("/health", method="HEAD")).body == ""


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
    async with pages(tmp_path, code_limit="- - 1/100") as site:
        assert (await site.post("/activate", token="x")).status == 400
        answer = await site.post("/activate", token="x")
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= 101
