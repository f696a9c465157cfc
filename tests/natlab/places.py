"""Hosts and routers, as a scene puts them up."""

import itertools
import subprocess
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Final

from tests.natlab import namespaces
from tests.natlab.igd import offer_mappings
from tests.natlab.namespaces import Namespace
from tests.natlab.nats import Kind, Recipe, Stray, Translated
from tests.natlab.wire import Line, Translate

if TYPE_CHECKING:
    from tests.natlab.scene import Scene

CABLE: Final = "eth0"
"The interface of a host behind a router."
_FIRST: Final = 10
"The number of the first host behind a router; the router is 1."
ROUTER_6: Final = "fe80::1"
"A router's address on its own network, as those behind it know it (RFC 4861 §4.2)."


# Loaded a second time, it keeps the pinholes.
_FIREWALL_6: Final = """
table inet firewall6 {
  chain pinholes {
  }
  chain forward { type filter hook forward priority 0;
  }
}
flush chain inet firewall6 forward
table inet firewall6 {
  chain forward {
    meta nfproto ipv4 accept
    iifname "wan" ct state established,related accept
    jump pinholes
    iifname "wan" %s
    iifname "wan" drop
  }
}
"""
_REFUSALS_6: Final = {
    Stray.DROPPED: "drop",
    Stray.RESET: "meta l4proto tcp reject with tcp reset",
    Stray.UNREACHABLE: "reject with icmpv6 type admin-prohibited",
}
"What RFC 4890 and RFC 6092 §3.3.1 let a firewall answer."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a computer is plugged in."""

    addresses: list[str]
    port: str
    "Of the wire."
    router: "Router | None" = None


class Host:
    """A computer."""

    def __init__(self, name: str, namespace: Namespace, place: "Place") -> None:
        self.name = name
        self.namespace = namespace
        self.place = place
        "Where it is now; see `Scene.move`."

    @property
    def addresses(self) -> list[str]:
        """Its own, as `ip` would show them."""
        return self.place.addresses

    @property
    def public(self) -> str:
        """The IPv4 address the Internet sees."""
        router = self.place.router
        return self.address if router is None or router.kind.recipe.is_routed else router.public

    @property
    def port(self) -> str:
        """The port of the wire that its packets pass."""
        return self.place.port

    @property
    def address(self) -> str:
        """Its first own address."""
        return self.addresses[0]

    @property
    def router(self) -> "Router":
        """The router it is behind.

        Raises:
            ValueError: it stands on the wire itself.
        """
        if self.place.router is None:
            raise ValueError(f"{self.name} is behind no router")
        return self.place.router

    @property
    def prefix(self) -> list[str]:
        """What to put before a command so that it runs on this computer."""
        return self.namespace.prefix

    def run(self, *command: str) -> str:
        """Run a program on this computer to its end; what it printed.

        Raises:
            RuntimeError: it failed.
        """
        return namespaces.run(*self.prefix, *command)

    def start(self, *command: str, stdout: int | IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """Start a program on this computer. The scene ends it at the latest when the scene itself ends."""
        running = subprocess.Popen([*self.prefix, *command], stdout=stdout)
        while running.poll() is None and running.pid not in self.namespace.pids():
            pass  # it enters in its own time, and is ended only if it is in there
        return running


class Router:
    """A NAT or firewall of one kind, with a network behind it."""

    def __init__(
        self,
        scene: "Scene",
        kind: Kind,
        name: str,
        *,
        under: "Router | None",
        is_carrier: bool,
        hairpin: bool,
        igd: bool,
        ipv6: bool,
        stray6: Stray,
        line: Line,
    ) -> None:
        self.name: str = name
        self.kind = kind
        self._stray6 = stray6
        self._igd = igd
        if hairpin and isinstance(kind.recipe, Recipe) and not kind.behaviour.keeps_ports:
            raise ValueError(f"whom a public port of {kind.code} means cannot be told")
        if (under is not None or igd) and isinstance(kind.recipe, Translated):
            raise ValueError(f"{kind.code} is played by the wire, so it must be there, without an IGD")
        if under is not None and kind.recipe.is_routed:
            raise ValueError(f"{kind.code} needs public addresses, and {under.name} has none to give")
        self.namespace = scene.namespace(name)
        self._under = under
        self._hairpin = hairpin
        self._scene = scene
        self._numbers = itertools.count(_FIRST)
        self._network, self._network6 = "100.64.0" if is_carrier else "192.168.1", ""
        if under is None:
            # What hosts send to the address of one that is played by the wire is for the wire.
            number = scene.attach(name, self.namespace, line, has_address=isinstance(kind.recipe, Recipe))
            self.port, self._wan = name, f"5.{number}.0.1"
            if kind.recipe.is_routed:
                self._network = f"5.{number}.1"
            if scene.ipv6 and ipv6:
                self._network6 = f"2a00:{number:x}:0:1::"
        else:
            self.port, self._wan = under.port, under.join(self.namespace, "wan").addresses[0]
        self._furnish()

    @property
    def public(self) -> str:
        """The IPv4 address the Internet sees of what it translates."""
        return self._under.public if self._under else self._wan

    def forget(self) -> None:
        """Forget every connection and mapping, as if switched off and on. What an IGD mapped stays."""
        self._load()
        self.namespace.forget_connections()

    def renew(self) -> None:
        """Take another public address, as providers give at night, and forget all that the old one knew."""
        if self._under is not None or self.kind.recipe.is_routed:
            raise ValueError(f"{self.name} has no public address for what is behind it")
        old = self._wan
        network, _, number = old.rpartition(".")
        self._wan = f"{network}.{int(number) + 1}"
        if isinstance(self.kind.recipe, Recipe):
            self.namespace.ip(
                f"address add {self._wan}/32 dev wan",  # first: without any, the route would go, too
                f"address delete {old}/32 dev wan",
            )
        self.forget()

    def offer_mappings(self, *, upnp: bool = True, pcp: bool = True, picks_ports: bool = True) -> None:
        """Let computers behind it have ports mapped and pinholes opened; see `tests.natlab.igd`."""
        firewall = "firewall6" if self._has_firewall6 else ""
        ways = {"upnp": upnp, "pcp": pcp, "picks_ports": picks_ports}
        self._scene.watch(offer_mappings(self.namespace, self._scene.folder, firewall6=firewall, **ways))

    @property
    def _has_firewall6(self) -> bool:
        return bool(self._network6) and self.kind.code != "OPEN"

    def _furnish(self) -> None:
        with self.namespace.entered():
            namespaces.sysctl("net/ipv4/ip_forward", 1)
            for who in ("all", "default"):  # who is sent back to the own network is sent there on purpose
                namespaces.sysctl(f"net/ipv4/conf/{who}/send_redirects", 0)
            if self._network6:
                namespaces.sysctl("net/ipv6/conf/all/forwarding", 1)
                namespaces.sysctl("net/ipv6/icmp/ratelimit", 0)
            for family in ("ip", "ip6"):  # where br_netfilter is loaded, a bridge would translate, too
                namespaces.sysctl(f"net/bridge/bridge-nf-call-{family}tables", 0, optional=True)
        lines = [
            "link add lan type bridge",
            "link set lan addrgenmode none",  # it has one link-local address only: `ROUTER_6`
            "link set lan up",
            f"address add {self._network}.1/24 dev lan",
        ]
        self.namespace.ip(*lines)
        self._load()

    def _load(self) -> None:
        rules = _FIREWALL_6 % _REFUSALS_6[self._stray6] if self._has_firewall6 else ""
        match self.kind.recipe:
            case Recipe() as recipe:
                first = f"{self._network}.{_FIRST}"
                rules += recipe.ruleset(self._wan, first, hairpin=self._hairpin)
            case Translated() as limits:
                does = self.kind.behaviour
                does = replace(does, hairpin=self._hairpin or does.hairpin)
                self._scene.order(Translate(self.port, self._wan, does, limits))
        if rules:
            self.namespace.nft(rules)

    def join(self, namespace: Namespace, interface: str) -> Place:
        """Plug a namespace into the network behind this router, under an address nobody had there before."""
        number = next(self._numbers)
        address = f"{self._network}.{number}"
        namespace.ip(
            f"link add {interface} type veth peer name h{number} netns {self.namespace.name}",
            f"link set {interface} up",
        )
        self.namespace.ip(f"link set h{number} up master lan")
        self.namespace.await_links(f"h{number}", "lan")
        namespace.await_links(interface)
        # Only now: what runs here sends as soon as it has an address, and a lost question costs a second.
        namespace.ip(f"address add {address}/24 dev {interface}", f"route add default via {self._network}.1")
        if self._network6:
            if number == _FIRST:  # a bridge carries, and IPv6 begins, with its first port
                for own in (f"{self._network6}1/64", f"{ROUTER_6}/64"):
                    self.namespace.add_address6(own, "lan")
            namespace.add_address6(f"{self._network6}{number:x}/64", interface)
            namespace.ip(f"route add ::/0 via {ROUTER_6} dev {interface}")
        if self._igd and number == _FIRST:
            self.offer_mappings()
        addresses = [address, f"{self._network6}{number:x}"] if self._network6 else [address]
        return Place(addresses, self.port, self)

    def host(self, name: str) -> Host:
        """Put a computer behind this router."""
        namespace = self._scene.namespace(name)
        return self._scene.keep(Host(name, namespace, self.join(namespace, CABLE)))
