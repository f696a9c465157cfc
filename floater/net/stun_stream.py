"""A stream to an observer: what our port looks like from there, and who else may come in (spec §5.1)."""

import asyncio
import secrets
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from floater.core.meet.observe import Observation
from floater.errors import RemoteProtocolError
from floater.net.sockets import RULES, address_of, family_of, local_of, punch_socket, remote_of
from floater.wire import stun
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray

_SYN_RECEIVED: Final = "03"
_FAMILIES: Final = {1: socket.AF_INET, 4: socket.AF_INET6}
_TABLES: Final = {
    socket.AF_INET: Path("/proc/thread-self/net/tcp"),
    socket.AF_INET6: Path("/proc/thread-self/net/tcp6"),
}


class StunStream:
    """One stream.

    Args:
        port: of ours; 0 for a fresh one.
        observer: the observer to ask.
        key: `observer_key` of `welcome`; without it the answer is for us alone.
    """

    def __init__(self, port: int, observer: Endpoint, key: str = "") -> None:
        self.observer = observer
        self.seen: Observation | None = None
        self.on_connect: Callable[[], None] | None = None
        "Called when the stream stands."
        self._is_connected = False
        self._key = key
        self._buffer = bytearray()
        self._sock = punch_socket(family_of(observer.host), port)
        self.port = local_of(self._sock).port

    async def ask(self) -> Observation | None:
        """Ask once; None if no observer answers there, or it hangs up."""
        answer = await self._ask(stun.Probe.NONE)
        return None if answer is None else self.seen

    async def _ask(self, probe: stun.Probe) -> stun.BindingResponse | None:
        loop = asyncio.get_running_loop()
        request = stun.BindingRequest(secrets.token_bytes(12), self._key, probe)
        try:
            if not self._is_connected:
                await loop.sock_connect(self._sock, tuple(self.observer))
                self._is_connected = True
                if self.on_connect is not None:
                    self.on_connect()
            await loop.sock_sendall(self._sock, stun.encode(request))
            while (answer := await self._next()) is not None:
                if isinstance(answer, stun.BindingResponse) and answer.transaction == request.transaction:
                    self.seen = Observation(local_of(self._sock), remote_of(self._sock), answer.mapped)
                    break
        except (OSError, RemoteProtocolError):
            return None
        return answer

    async def _next(self) -> stun.StunMessage | None:
        """Wait for a message; None at the end of the stream."""
        while (message := stun.take_message(self._buffer)) is None:
            data = await asyncio.get_running_loop().sock_recv(self._sock, 1_024)
            if not data:
                return None
            self._buffer += data
        return message

    async def ended(self) -> None:
        """Wait until the observer hangs up or speaks unasked. Call it while no question is open."""
        with suppress(OSError):
            await asyncio.get_running_loop().sock_recv(self._sock, 1)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()


class ProbeListener(StunStream):
    """A fresh listening port to which the observer is asked to send SYNs from other addresses and ports.

    The punch port cannot serve for this: its NAT mapping knows the other observers, because they have
    been dialled from it. The streams are never accepted; the system's answer to the SYN shows the result.
    """

    def __init__(self, observer: Endpoint) -> None:
        super().__init__(0, observer)
        self.fates: dict[stun.Probe, Stray] = {}
        """What became of each probe that was sent: UNKNOWN until it has come in. A report may
        still say that it has."""
        self.on_report: Callable[[], None] | None = None
        "Called when a report has changed `fates`."
        self._awaited = stun.Probe.NONE
        self._listener = punch_socket(self._sock.family, self.port)
        self._listener.listen(2)

    @staticmethod
    def can_be() -> bool:
        """Whether a program may listen here without the person being asked about it."""
        return not RULES.prompts

    async def ask(self) -> Observation | None:
        """Ask for two probes; return when they have come in, or should have: they left before the answer did.

        To `accept` them would take a round trip more: the kernel tells of a
        stream only when its third packet is here. Linux shows the first, too.
        """
        answer = await self._ask(stun.Probe.OTHER_PORT | stun.Probe.OTHER_ADDRESS)
        if answer is None or self.seen is None:
            return None
        self._awaited = answer.probe
        if sys.platform == "linux":
            self.fates = dict.fromkeys(answer.probe, Stray.UNKNOWN)
            for place in probes_at(self.port, _TABLES[self._sock.family]) - {self.observer}:
                is_same = place.host == self.observer.host
                probe = stun.Probe.OTHER_PORT if is_same else stun.Probe.OTHER_ADDRESS
                if probe in answer.probe:
                    self.fates[probe] = Stray.ACCEPTED
        return self.seen

    async def follow(self) -> None:
        """Wait for the reports on all probes that are under way, or the end of the stream."""
        awaited = self._awaited
        try:
            while awaited and (report := await self._next()) is not None:
                if isinstance(report, stun.ProbeReport) and report.probe in awaited:
                    self.fates[report.probe] = report.fate
                    awaited &= ~report.probe
                    if self.on_report is not None:
                        self.on_report()
        except (OSError, RemoteProtocolError):
            pass

    def close(self) -> None:
        """Hang up, and listen no more."""
        super().close()
        self._listener.close()


def probes_at(port: int, table: Path) -> set[Endpoint]:
    """Tell whose SYN to a port of ours this system has answered without hearing more so far.

    Args:
        port: ours.
        table: of one address family, as Linux prints it (proc(5)).
    """
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except OSError:
        return set()  # no /proc
    words = (line.split() for line in lines)
    return {
        _endpoint(remote)
        for _, local, remote, state, *_ in words
        if state == _SYN_RECEIVED and int(local.rpartition(":")[2], 16) == port
    }


def _endpoint(text: str) -> Endpoint:
    """Read `0100007F:1F90`: words of 32 bits in the machine's own order."""
    host, _, port = text.partition(":")
    words = [int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8)]
    return Endpoint(str(address_of(socket.inet_ntop(_FAMILIES[len(words)], b"".join(words)))), int(port, 16))
