"""`floater doctor`: examine this network step by step, and report in plain words."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Final

from floater.cli.console import speakable
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.meet.reachability import Facts, Line, lines_about, reachability_of
from floater.core.person.reconnect import Reached
from floater.errors import Refused, Unreachable
from floater.net.port_mapping import PortMapper
from floater.net.proxies import choose_proxy
from floater.net.punch_port import prepare_punch_port
from floater.net.relay_check import relay_answers
from floater.net.server_connect import Proxy, open_server_socket
from floater.net.server_link import ServerLink
from floater.sentences import sentence
from floater.store.settings import SettingsFile
from floater.wire.url import ServerUrl, parse_server_url

STEP_TIME: Final = 8.0
"Seconds that one step may take."
HEALTHY, SICK, NO_SERVER = 0, 1, 2
"Exit codes: peers can be met; the server cannot be reached; no server is known."


class Doctor:
    """One examination.

    Args:
        config: the options; examines `config.server`, otherwise the server used last.
        say: takes each line of the report.
    """

    def __init__(self, config: ClientConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._settings = SettingsFile(config.data_dir)
        self._say_text = say

    async def examine(self) -> int:
        """Run all steps and return the exit code."""
        try:
            url = parse_server_url(self._config.server or self._settings.values.server)
        except Refused as error:
            self._say(Line(f"code.{error.code.value}"))
            return NO_SERVER
        self._say(Line("doctor.server", {"url": str(url)}))
        proxy = choose_proxy(self._config.proxy, url)
        if proxy is not None:
            self._say(Line("doctor.proxy", {"host": proxy.host, "port": proxy.port}))
        if not await self._name(url, proxy) or not await self._tcp(url, proxy):
            return self._conclude(Facts(server_rtt=None))
        facts = await self._server(url, proxy)
        relayed = facts.server_rtt is not None and await self._relay(url, proxy)
        if reachability_of(facts) == "relay" and not relayed:
            self._say(Line("doctor.no_way"))
            return SICK
        return self._conclude(facts)

    async def _name(self, url: ServerUrl, proxy: Proxy | None) -> bool:
        host = url.host if proxy is None else proxy.host
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(STEP_TIME):
                found = await loop.getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            self._say(Line("doctor.no_name", {"host": host}))
            return False
        addresses = ", ".join(dict.fromkeys(str(place[4][0]) for place in found))
        if addresses != host:
            self._say(Line("doctor.name", {"host": host, "addresses": addresses}))
        return True

    async def _tcp(self, url: ServerUrl, proxy: Proxy | None) -> bool:
        began = time.monotonic()
        try:
            sock = await open_server_socket(url, proxy=proxy, timeout=STEP_TIME)
        except Unreachable:
            self._say(Line("doctor.no_tcp", {"port": url.port}))
            return False
        sock.close()
        self._say(Line("doctor.tcp", {"ms": round((time.monotonic() - began) * 1_000)}))
        return True

    async def _server(self, url: ServerUrl, proxy: Proxy | None) -> Facts:
        reached: asyncio.Future[Reached] = asyncio.get_running_loop().create_future()
        link = ServerLink(
            url,
            config=self._config,
            proxy=lambda: proxy,
            agent="floater doctor",
            language=lambda: self._settings.language,
            reached=lambda state: None if reached.done() else reached.set_result(state),
            news=lambda message: None,
        )
        mapper, values = PortMapper(), self._settings.values
        link.start()
        try:
            state = await reached
            if not state.online or link.welcome is None:
                self._say(Line(f"code.{(state.code or Code.SERVER_UNREACHABLE).value}"))
                return Facts(server_rtt=None)
            self._say(Line("doctor.trusted" if url.fingerprint is None else "doctor.pinned"))
            port = await prepare_punch_port(
                server=url,
                observers=link.welcome.observers,
                observer_key=link.welcome.observer_key,
                mapper=mapper if values.map_port and not values.hide_address else None,
            )
            router, firewall = await port.router_answers(STEP_TIME)
            await port.settled()
            await port.close()
            facts = port.facts
            return Facts(
                server_rtt=link.rtt,
                nat=facts.nat,
                public=facts.public,
                private=facts.private,
                observers_asked=facts.asked,
                observers_answered=len(facts.observations),
                hidden=values.hide_address,
                clock_offset=link.clock.offset,
                router=router,
                firewall=firewall,
            )
        finally:
            await mapper.close()
            await link.close()

    async def _relay(self, url: ServerUrl, proxy: Proxy | None) -> bool:
        works = False
        for tls, good, bad in (
            (False, "doctor.relay", "doctor.no_relay"),
            (True, "doctor.relay_tls", "doctor.no_relay_tls"),
        ):
            answers = await relay_answers(url, tls=tls, proxy=proxy, within=STEP_TIME)
            self._say(Line(good if answers else bad))
            works = works or answers
        return works

    def _conclude(self, facts: Facts) -> int:
        for line in lines_about(facts):
            self._say(line)
        return SICK if reachability_of(facts) == "offline" else HEALTHY

    def _say(self, line: Line) -> None:
        self._say_text(sentence(line.key, speakable(self._settings.language), **line.values))


async def doctor(config: ClientConfig) -> int:
    """Examine this network, print the report, and return the exit code."""
    return await Doctor(config, lambda text: print(f"  {text}", flush=True)).examine()
