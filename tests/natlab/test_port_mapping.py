"""Ports that routers open when asked: a router as many homes have, a mute one, and ones that lie."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.natlab.classify import dial, outcome, plain_dial, shared_socket
from tests.natlab.lab import Lab
from tests.natlab.namespaces import Namespace, tool
from tests.natlab.nats import Stray
from tests.natlab.places import ROUTER_6
from tests.natlab.scene import Host, Router

pytestmark = pytest.mark.natlab

PORT: Final = 40_001
PATIENCE: Final = 15.0
_ROOT: Final = Path(__file__).resolve().parents[2]
_ONLY: Final = """
table ip only {
  chain in { type filter hook input priority -1; udp dport 5351 @th,64,8 %d drop;
  }
}
"""
"Drops the requests of one version: 0 is NAT-PMP, 2 is PCP. The router serves both at one port."
_MUTE: Final = """
table ip mute {
  chain in { type filter hook input priority -1; meta l4proto udp drop;
  }
}
"""


class Wish:
    """The program of `tests.helpers.mapped`, on a computer of the laboratory."""

    def __init__(self, host: Host, lease: float = 600.0, *, family: int = 4) -> None:
        words = ["-m", "tests.helpers.mapped", str(PORT), str(lease), str(family)]
        self._process = subprocess.Popen(
            [*host.prefix, sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def stands(self, *outcomes: str) -> dict[str, Any]:
        """Wait until it stands like that. On a busy machine it may be called silent before it is granted."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found: dict[str, Any] = json.loads(line)
            if found.get("outcome") in outcomes:
                print(found)
                return found
        raise AssertionError(f"ended before it was {outcomes}")

    def leave(self) -> None:
        """Give the port back and end."""
        began = time.monotonic()
        rest, _ = self._process.communicate(b"", PATIENCE)
        print(f"gave it back in {time.monotonic() - began:.3f} s")
        assert rest.splitlines()[-1] == b"{}"

    def kill(self) -> None:
        """End without a word."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(rtt=0.02) as made:
        yield made


def until(condition: Callable[[], bool], what: str, within: float = PATIENCE) -> float:
    """Look again and again; the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, what
    return time.monotonic() - began


def soonest(wish: Callable[[], Wish], *outcomes: str) -> float:
    """Seconds until it stands like that: the fewest of three, to which a busy machine adds least."""
    took = []
    for _ in range(3):
        with wish() as wished:
            took.append(float(wished.stands(*outcomes)["after"]))
            wished.leave()
    return min(took)


class Home:
    """A computer that listens behind a router of that kind, where nobody gets in by himself."""

    def __init__(self, lab: Lab, kind: str = "SYM-RAND", *, family: int = 4) -> None:
        self.family = family
        self.server = lab.host("server")
        self.alice = lab.behind(kind, "alice")
        self.router = lab.routers["alice-router"]
        self._chain = ("igd", "targets") if family == 4 else ("firewall6", "pinholes")
        self._any = "" if family == 4 else "::"
        self._own = self.alice.addresses[family == 6]
        self.outside = self.alice.public if family == 4 else self._own, PORT
        self._listener = self.alice.namespace.socket(socket.AF_INET if family == 4 else socket.AF_INET6)

    def __enter__(self) -> Self:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self._own, PORT))
        self._listener.listen()
        self._listener.settimeout(5)
        assert not self.is_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def is_open(self) -> bool:
        """Whether a stranger on the Internet gets in."""
        dialled = dial(self.server.namespace, (self._any, 0), self.outside)
        try:
            if outcome(dialled) is not Stray.ACCEPTED:
                return False
            self._listener.accept()[0].close()
            return True
        finally:
            dialled.close()

    def mapped(self) -> int:
        """How many ports the router lets others in to, as nftables has it."""
        found = rules(self.router, *self._chain)
        return found.count("dnat") + found.count("accept")


def rules(router: Router, table: str = "igd", chain: str = "targets") -> str:
    """What a router maps."""
    listing = [tool("nft"), "list", "chain", "inet", table, chain]
    return subprocess.check_output([*router.namespace.prefix, *listing], text=True)


# -- a router that works ------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["PCP", "NAT-PMP", "UPnP", "all"])
def test_a_port_is_open_while_it_is_wanted_and_no_longer(lab: Lab, protocol: str) -> None:
    home = Home(lab)
    home.router.offer_mappings(upnp=protocol in ("UPnP", "all"), pcp=protocol != "UPnP")
    if protocol in ("PCP", "NAT-PMP"):
        home.router.namespace.nft(_ONLY % (0 if protocol == "PCP" else 2))
    with home, Wish(home.alice) as wish:
        granted = wish.stands("granted", "refused")
        assert granted["outcome"] == "granted"
        assert protocol in ("all", granted["protocol"])
        assert granted["endpoint"] == list(home.outside)
        # Asked twice, as it took its time, this router takes the rule away and makes it anew.
        until(lambda: home.is_open() and home.mapped() == 1, "it does not stay open")
        wish.leave()
        assert not home.is_open()
        assert home.mapped() == 0
        assert soonest(lambda: Wish(home.alice), "granted") < 1.0


@pytest.mark.parametrize("upnp", [False, True])
def test_a_mapping_is_renewed_for_as_long_as_it_is_wanted_and_lapses_when_we_crash(
    lab: Lab, upnp: bool
) -> None:
    is_renewed_and_lapses(Home(lab), upnp)


def is_renewed_and_lapses(home: Home, upnp: bool) -> None:
    lease = 4.0
    home.router.offer_mappings(upnp=upnp, pcp=not upnp)
    with home, Wish(home.alice, lease, family=home.family) as wish:
        wish.stands("granted")
        looks, began = 0, time.monotonic()
        while time.monotonic() < began + 2.5 * lease:
            # This router renews by taking a rule away and making it anew; a SYN may fall in between.
            assert home.is_open() or home.is_open()
            looks += 1
        assert looks > 10
        wish.kill()
        took = until(lambda: not home.is_open(), "it never lapses")
        print(f"lapsed {took:.1f} s after the crash, of a lease of {lease} s")


def test_a_port_that_another_has_is_asked_for_under_another_number(lab: Lab) -> None:
    home = Home(lab)
    home.router.offer_mappings(pcp=False, picks_ports=False)
    bob = home.router.host("bob")
    with home, Wish(home.alice) as ours:
        assert ours.stands("granted", "refused")["endpoint"] == list(home.outside)
        with Wish(bob) as theirs, shared_socket(bob.namespace, ("", PORT)) as listener:
            granted = theirs.stands("granted", "refused")
            assert granted["outcome"] == "granted"
            host, port = granted["endpoint"]
            assert host == home.outside[0]
            assert port != PORT
            assert home.mapped() == 2
            listener.listen()
            with plain_dial(home.server, (host, port)) as fate:
                assert fate is Stray.ACCEPTED
            theirs.leave()
        assert home.mapped() == 1
        assert home.is_open()


# -- pinholes in a firewall for IPv6 ------------------------------------------------------


@pytest.fixture
def lab6() -> Iterator[Lab]:
    with Lab(rtt=0.02, ipv6=True) as made:
        yield made


@pytest.mark.parametrize("protocol", ["PCP", "UPnP", "both"])
def test_a_pinhole_is_open_while_it_is_wanted_and_no_longer(lab6: Lab, protocol: str) -> None:
    home = Home(lab6, family=6)
    home.router.offer_mappings(upnp=protocol != "PCP", pcp=protocol != "UPnP")
    with home, Wish(home.alice, family=6) as wish:
        granted = wish.stands("granted", "refused")
        assert granted["outcome"] == "granted"
        assert protocol in ("both", granted["protocol"])
        assert granted["endpoint"] == list(home.outside)
        # Asked twice, as it took its time, this router takes the rule away and makes it anew.
        until(lambda: home.is_open() and home.mapped() == 1, "it does not stay open")
        wish.leave()
        assert not home.is_open()
        assert home.mapped() == 0
        assert soonest(lambda: Wish(home.alice, family=6), "granted") < 1.0


@pytest.mark.parametrize("upnp", [False, True])
def test_a_pinhole_is_renewed_for_as_long_as_it_is_wanted_and_lapses_when_we_crash(
    lab6: Lab, upnp: bool
) -> None:
    is_renewed_and_lapses(Home(lab6, family=6), upnp)


def test_a_firewall_that_restarts_is_asked_again_at_once(lab6: Lab) -> None:
    home = Home(lab6, family=6)
    home.router.offer_mappings(upnp=False)
    with home, Wish(home.alice, family=6) as wish:
        wish.stands("granted")
        began = time.monotonic()
        until(lambda: home.is_open() and time.monotonic() > began + 3, "it does not stay open")
        switch_off(home.router.namespace)
        home.router.namespace.nft("flush chain inet firewall6 pinholes")
        assert not home.is_open()
        home.router.offer_mappings(upnp=False)
        announce_6(home.router)
        took = until(lambda: home.is_open(), "it is not asked again")
        print(f"open again {took:.3f} s after the router")
        wish.leave()


def announce_6(router: Router) -> None:
    """Say by IPv6 that a router has restarted (RFC 6887 §14.1.1); this daemon says it to the Internet."""
    zone = index_of(router.namespace, "lan")
    with router.namespace.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind((ROUTER_6, 0, 0, zone))
        sock.sendto(struct.pack("!BBBBII12x", 2, 0x80, 0, 0, 0, 0), ("ff02::1", 5_350, 0, zone))


def test_a_firewall_that_says_nothing_costs_a_second_and_no_more(lab6: Lab) -> None:
    home = Home(lab6, family=6)
    home.router.namespace.nft(_MUTE.replace("table ip ", "table ip6 "))
    with home:
        assert 0.9 < soonest(lambda: Wish(home.alice, family=6), "silent", "granted") < 1.5


@pytest.mark.parametrize(
    ("host", "port", "outcome"),
    [
        ("", PORT, "granted"),
        ("", PORT + 1, "refused"),
        ("2a00:1::1", PORT, "refused"),
        ("fe80::1", PORT, "nested"),
        ("::ffff:5.2.0.1", PORT, "refused"),
    ],
)
def test_a_firewall_is_believed_about_our_own_endpoint_alone(
    lab6: Lab, host: str, port: int, outcome: str
) -> None:
    """The first is the control: the very same router, without a lie."""
    home = Home(lab6, family=6)

    def reply(data: bytes) -> list[bytes]:
        return [
            pcp_answer(data, port=port, packed=socket.inet_pton(socket.AF_INET6, host or home.outside[0]))
        ]

    with home, answering(home.router.namespace, 5_351, reply, family=6) as heard:
        with Wish(home.alice, family=6) as wish:
            assert wish.stands("granted", "refused", "nested", outcome)["outcome"] == outcome
            wish.leave()
        assert heard


def test_a_router_that_restarts_is_asked_again_at_once(lab: Lab) -> None:
    home = Home(lab)
    home.router.offer_mappings(upnp=False)
    with home, Wish(home.alice) as wish:
        wish.stands("granted")
        # RFC 6887 §8.5 forgives a clock two seconds: a router that ran for less has not visibly restarted.
        began = time.monotonic()
        until(lambda: home.is_open() and time.monotonic() > began + 3, "it does not stay open")
        switch_off(home.router.namespace)
        assert not home.is_open()
        home.router.offer_mappings(upnp=False)
        took = until(lambda: home.is_open(), "it is not asked again")
        print(f"open again {took:.3f} s after the router")
        wish.leave()


def switch_off(home: Namespace) -> None:
    """Take a router's daemon and all that it did away."""
    for pid in home.pids():
        os.kill(pid, signal.SIGTERM)
    until(lambda: not home.pids(), "it does not end")
    home.nft("delete table inet igd")


def test_a_router_behind_another_is_told_as_such_and_maps_nothing(lab: Lab) -> None:
    lab.host("server")
    carrier = lab.router("APDF", "carrier", is_carrier=True)
    alice = lab.router("APDF", "alice-router", under=carrier, igd=True).host("alice")
    with Wish(alice) as wish:
        assert wish.stands("granted", "refused", "nested")["outcome"] == "nested"
        assert "dnat" not in rules(lab.routers["alice-router"])


def test_a_router_that_says_nothing_costs_a_second_and_no_more(lab: Lab) -> None:
    home = Home(lab)
    home.router.namespace.nft(_MUTE)
    with home:
        assert 0.9 < soonest(lambda: Wish(home.alice), "silent", "granted") < 1.5


# -- routers that lie ---------------------------------------------------------------------


@contextmanager
def answering(
    namespace: Namespace,
    port: int,
    replies: Callable[[bytes], list[bytes]],
    *,
    via: int = 0,
    group: str = "",
    family: int = 4,
) -> Iterator[list[bytes]]:
    """Answer each datagram at a port, or `via` another one. What was asked is in the list."""
    heard: list[bytes] = []
    domain = socket.AF_INET if family == 4 else socket.AF_INET6
    # By IPv6 it answers under the address by which a router is known.
    host, zone = ("", ()) if family == 4 else (ROUTER_6, (0, index_of(namespace, "lan")))

    def datagrams() -> socket.socket:
        return namespace.socket(domain, socket.SOCK_DGRAM)

    with datagrams() as sock, datagrams() as other:
        sock.bind((host, port, *zone))
        other.bind((host, via, *zone))
        if group:
            sock.setsockopt(
                socket.IPPROTO_IP,
                socket.IP_ADD_MEMBERSHIP,
                struct.pack("4s4si", socket.inet_aton(group), bytes(4), index_of(namespace)),
            )

        def serve() -> None:
            while True:
                data, asker = sock.recvfrom(2_048)
                if data == b"end":
                    return
                heard.append(data)
                for reply in replies(data):
                    (other if via else sock).sendto(reply, asker)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            with datagrams() as ender:
                ender.sendto(b"end", (host or "127.0.0.1", port, *zone))
            thread.join()


def index_of(namespace: Namespace, interface: str = "") -> int:
    """The number of an interface of a namespace; of the last that is not its loopback, if none is named."""
    with namespace.entered():
        found = {name: number for number, name in socket.if_nameindex() if name != "lo"}
    return found[interface] if interface else max(found.values())


def pcp_answer(
    request: bytes, *, nonce: bytes = b"", port: int = PORT, host: str = "5.2.0.1", packed: bytes = b""
) -> bytes:
    """Grant what a PCP request asks for: that, or something else."""
    opcode, lifetime = request[1], request[4:8]
    answer = struct.pack("!BBBB4sI12x", 2, 0x80 | opcode, 0, 0, lifetime, 1_000)
    if opcode:
        outside = packed or bytes(10) + b"\xff\xff" + socket.inet_aton(host)
        answer += struct.pack("!12sB3xHH16s", nonce or request[24:36], 6, PORT, port, outside)
    return answer


LIES: Final[dict[str, tuple[Callable[[bytes], list[bytes]], str]]] = {
    "of another request": (lambda data: [pcp_answer(data, nonce=b"another one.")], "refused"),
    "a service's port": (lambda data: [pcp_answer(data, port=22)], "refused"),
    "a private address": (lambda data: [pcp_answer(data, host="10.0.0.7")], "nested"),
    "ourselves": (lambda data: [pcp_answer(data, host="127.0.0.1")], "nested"),
    "more than a datagram of PCP": (lambda data: [pcp_answer(data) + bytes(1_100)], "silent"),
    "nonsense": (lambda data: [b"", b"\0", b"\xff" * 60, data], "silent"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_router_that_lies_gets_us_nowhere(lab: Lab, lie: str) -> None:
    home = Home(lab)
    replies, expected = LIES[lie]
    answers = answering(home.router.namespace, 5_351, lambda data: replies(data) if data[0] == 2 else [])
    with home, answers as heard:
        with Wish(home.alice) as wish:
            assert wish.stands("granted", "refused", "nested", expected)["outcome"] == expected
            wish.leave()
        assert heard


def test_the_same_router_without_the_lie_is_believed(lab: Lab) -> None:
    """The control of the tests around it."""
    home = Home(lab)
    with (
        home,
        answering(home.router.namespace, 5_351, lambda data: [pcp_answer(data)] if data[0] == 2 else []),
    ):
        with Wish(home.alice) as wish:
            assert wish.stands("granted")["endpoint"] == ["5.2.0.1", PORT]
            wish.leave()


def test_an_answer_from_elsewhere_is_not_heard(lab: Lab) -> None:
    home = Home(lab)
    with home, answering(home.router.namespace, 5_351, lambda data: [pcp_answer(data)], via=5_352) as heard:
        with Wish(home.alice) as wish:
            wish.stands("silent")
        assert heard


@pytest.mark.parametrize(
    "evil", ["another computer that answers", "a router that points to another computer"]
)
def test_a_search_leads_to_nobody_but_the_router(lab: Lab, evil: str) -> None:
    home = Home(lab)
    mallory = home.router.host("mallory")
    location = f"HTTP/1.1 200 OK\r\nLOCATION: http://{mallory.address}:80/d.xml\r\n\r\n".encode()
    where = mallory.namespace if evil.startswith("another") else home.router.namespace
    with home, mallory.namespace.socket() as victim:
        victim.bind(("", 80))
        victim.listen()
        victim.settimeout(0)
        with answering(where, 1_900, lambda data: [location], group="239.255.255.250") as heard:
            with Wish(home.alice) as wish:
                wish.stands("silent")
            assert heard
        with pytest.raises(BlockingIOError):
            victim.accept()
