"""A browser that speaks HTTP byte by byte, and the pages behind a real TLS socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from floater.crypto.certificate import load_certified_key, make_certified_key
from server.gateway.http import http_protocol
from server.services.accounts import Accounts
from tests.helpers.accounts import Clock, Mailbox, cheap, opened


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
            lambda: http_protocol("127.0.0.1", accounts, config), "127.0.0.1", 0, ssl=context
        )
        try:
            yield Pages(accounts, server.sockets[0].getsockname()[1], Mailbox(folder))
        finally:
            server.close()
            await server.wait_closed()
