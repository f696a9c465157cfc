"""A scene: hosts and routers in namespaces, on the wire. `tests.natlab.lab` adds that kinds are proved first.

Addresses. Port number n of the wire has 5.n.0.0/16 and 2a00:n::/32. Its holder
is 5.n.0.1; hosts with public addresses behind a router are in 5.n.1.0/24. Every
home is 192.168.1.0/24, as homes are, and everything a carrier's NAT serves is
100.64.0.0/24. No packet can leave: no namespace has a way out but the wire.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import msgspec

from tests.natlab import namespaces
from tests.natlab.namespaces import Namespace
from tests.natlab.nats import Kind, Stray, kind_of
from tests.natlab.packets import Packet
from tests.natlab.pcap import read_pcap
from tests.natlab.places import CABLE, Host, Place, Router
from tests.natlab.wire import AnyOrder, Attach, Block, Capture, Detour, Flush, Line, Set, Stats

__all__ = ["Host", "Router", "Scene"]

_ROOT: Final = Path(__file__).resolve().parents[2]


class Scene:
    """Hosts, routers and the wire between them; all gone when the `with` block ends.

    Args:
        rtt: seconds from any port of the wire to any other and back, unless a
            port has a line of its own.
        ipv6: whether hosts have IPv6 beside IPv4. Routers then have a
            stateful firewall for it and translate nothing.
        seed: of the wire's dice.
    """

    def __init__(self, *, rtt: float = 0.08, ipv6: bool = False, seed: int = 1) -> None:
        self.line = Line(delay=rtt / 4)
        self.ipv6 = ipv6
        self.hosts: dict[str, Host] = {}
        self.routers: dict[str, Router] = {}
        self.folder = namespaces.make_folder()
        "Captures are written here."
        self._lines: dict[str, Line] = {}
        self._namespaces: list[Namespace] = []
        self._captured: dict[str, Path] = {}
        self._servants: list[subprocess.Popen[bytes]] = []
        namespaces.sweep()
        self._wire = subprocess.Popen(
            [sys.executable, "-m", "tests.natlab.wire", str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            process_group=0,  # Ctrl-C is for us alone: what is taken down still needs the wire
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything that runs in the scene and take it down."""
        assert self._wire.stdin is not None
        assert self._wire.stdout is not None
        for namespace in self._namespaces:
            namespace.remove()
        self._namespaces.clear()
        for servant in self._servants:
            servant.wait(30)
        self._wire.stdin.close()
        try:
            self._wire.wait(30)
        finally:
            self._wire.kill()
            self._wire.wait()
            self._wire.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- building ---------------------------------------------------------------------

    def host(self, name: str, *, addresses: int = 1, line: Line | None = None) -> Host:
        """Put a public computer straight on the wire, with one or more addresses."""
        namespace = self.namespace(name)
        number = self.attach(name, namespace, line or self.line)
        own = [f"5.{number}.0.{at}" for at in range(1, addresses + 1)]
        if more := [f"address add {address}/32 dev wan" for address in own[1:]]:
            namespace.ip(*more)
        if self.ipv6:
            own.append(f"2a00:{number:x}::1")
        return self.keep(Host(name, namespace, Place(own, name)))

    def router(
        self,
        kind: str | Kind,
        name: str,
        *,
        under: Router | None = None,
        is_carrier: bool = False,
        hairpin: bool = False,
        igd: bool = False,
        ipv6: bool = True,
        stray6: Stray = Stray.DROPPED,
        line: Line | None = None,
    ) -> Router:
        """Put a router of a kind on the wire or `under` another one: a home behind a carrier.

        With `hairpin`, hosts behind it reach each other by their public
        endpoints, too; with `igd` it maps ports on request (`tests.natlab.igd`);
        without `ipv6`, what is behind it has none, though the scene has; `stray6`
        is what its IPv6 firewall gives a SYN that may not come in.

        Raises:
            ValueError: the kind cannot be put there, or cannot do that.
        """
        self.admit(kind, hairpin=hairpin)
        router = Router(
            self,
            kind if isinstance(kind, Kind) else kind_of(kind),
            name,
            under=under,
            is_carrier=is_carrier,
            hairpin=hairpin,
            igd=igd,
            ipv6=ipv6,
            stray6=stray6,
            line=line or self.line,
        )
        self.routers[name] = router
        return router

    def admit(self, kind: str | Kind, *, hairpin: bool) -> None:
        """Look at a kind before there is a router of it; `tests.natlab.lab` does."""

    def behind(
        self,
        kind: str | Kind,
        name: str,
        *,
        hairpin: bool = False,
        igd: bool = False,
        ipv6: bool = True,
        stray6: Stray = Stray.DROPPED,
        line: Line | None = None,
    ) -> Host:
        """Put a computer behind a router of its own, which is as `router` makes it."""
        router = self.router(
            kind, f"{name}-router", hairpin=hairpin, igd=igd, ipv6=ipv6, stray6=stray6, line=line
        )
        return router.host(name)

    def namespace(self, label: str) -> Namespace:
        """Make a namespace that lives as long as the scene."""
        namespace = Namespace(label, ipv6=self.ipv6)
        self._namespaces.append(namespace)
        return namespace

    def keep(self, host: Host) -> Host:
        """Make a host known to the scene by its name."""
        if host.name in self.hosts:
            raise ValueError(f"there is a {host.name} already")
        self.hosts[host.name] = host
        return host

    def watch(self, servant: subprocess.Popen[bytes]) -> None:
        """Wait for a program that a namespace's end ends, when the scene ends."""
        self._servants.append(servant)

    def attach(self, port: str, namespace: Namespace, line: Line, *, has_address: bool = True) -> int:
        """Make a port of the wire in a namespace, as `wan` with its default route; the port's number."""
        number = len(self._lines) + 1
        networks = (f"5.{number}.0.0/16", f"2a00:{number:x}::/32")
        self.order(Attach(port, str(namespace.path), networks, line))
        lines = ["link set wan up txqueuelen 10000"]
        if has_address:
            lines.append(f"address add 5.{number}.0.1/32 dev wan")
        lines.append("route add default dev wan")
        namespace.ip(*lines)
        namespace.await_links("wan")
        if self.ipv6:
            namespace.add_address6(f"2a00:{number:x}::1/128", "wan")
            namespace.ip("route add ::/0 dev wan")
        self._lines[port] = line
        return number

    # -- while it runs ----------------------------------------------------------------

    def cut(self, name: str) -> None:
        """Pull the cable between a host, or all that share its port, and the Internet."""
        self.change(name, up=False)

    def heal(self, name: str) -> None:
        """Plug it in again."""
        self.change(name, up=True)

    def unplug(self, name: str) -> None:
        """Pull the cable between a host and its router: interface, addresses and routes are gone, as it sees.

        What runs on it goes on. `move` plugs it in again.
        """
        self.hosts[name].namespace.ip(f"link delete {CABLE}")

    def move(self, name: str, router: Router | None = None) -> None:
        """Plug a host in behind a router (none: its own again), where it gets an address it never had."""
        host = self.hosts[name]
        router = router or host.router
        if CABLE in host.namespace.interfaces():
            self.unplug(name)
        host.place = router.join(host.namespace, CABLE)

    def change(self, name: str, **changes: float) -> None:
        """Change the line of a host or router; the names are those of `Line`."""
        port = self.port_of(name)
        self._lines[port] = msgspec.structs.replace(self._lines[port], **changes)
        self.order(Set(port, self._lines[port]))

    def block(self, sender: str, receiver: str, *, blocked: bool = True) -> None:
        """Drop all that one host sends to another, while both reach everybody else. One direction only."""
        self.order(Block(self.port_of(sender), self.port_of(receiver), blocked))

    def detour(self, sender: str, receiver: str, delay: float) -> None:
        """Let all that one host sends to another take so many seconds longer. One direction only; 0 ends it.

        So one of two hosts hears later from a third, and the way between them stays as it is.
        """
        self.order(Detour(self.port_of(sender), self.port_of(receiver), delay))

    def capture(self, name: str) -> None:
        """Begin to keep all packets that a host (or router) sends to and gets from the Internet."""
        port = self.port_of(name)
        if port not in self._captured:
            self._captured[port] = self.folder / f"{port}.pcap"
            self.order(Capture(port, str(self._captured[port])))

    def seen(self, name: str) -> list[Packet]:
        """Give what was captured so far, in order."""
        self.order(Flush())
        return read_pcap(self._captured[self.port_of(name)])

    def export(self, name: str, path: Path) -> None:
        """Copy what was captured so far to a file that outlives the scene."""
        self.order(Flush())
        shutil.copyfile(self._captured[self.port_of(name)], path)

    def stats(self) -> dict[str, Any]:
        """What became of each port's packets, and how late deliveries were since last asked, in seconds."""
        return self.order(Stats())

    def port_of(self, name: str) -> str:
        """The port of the wire that belongs to a host or router."""
        return self.hosts[name].port if name in self.hosts else name

    def order(self, order: AnyOrder) -> dict[str, Any]:
        """Tell the wire something and wait until it is done.

        Raises:
            RuntimeError: the wire could not.
        """
        assert self._wire.stdin is not None
        assert self._wire.stdout is not None
        self._wire.stdin.write(msgspec.json.encode(order) + b"\n")
        self._wire.stdin.flush()
        answer = cast(
            "dict[str, Any]", json.loads(self._wire.stdout.readline() or '{"error": "it has ended"}')
        )
        if not answer.pop("ok", False):
            raise RuntimeError(f"the wire: {answer['error']}")
        return answer
