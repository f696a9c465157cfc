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

from tests.natlab.classify import dial, outcome
from tests.natlab.lab import Lab
from tests.natlab.namespaces import Namespace, tool
from tests.natlab.nats import Stray
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

    def __init__(self, host: Host, lease: float = 600.0) -> None:
        self._process = subprocess.Popen(
            [*host.prefix, sys.executable, "-m", "tests.helpers.mapped", str(PORT), str(lease)],
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
        """Wait until it stands like that."""
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


class Home:
    """A computer that listens behind a router of that kind, where nobody gets in by himself."""

    def __init__(self, lab: Lab, kind: str = "SYM-RAND") -> None:
        self.server = lab.host("server")
        self.alice = lab.behind(kind, "alice")
        self.router = lab.routers["alice-router"]
        self.outside = self.alice.public, PORT
        self._listener = self.alice.namespace.socket()

    def __enter__(self) -> Self:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.alice.address, PORT))
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
        dialled = dial(self.server.namespace, ("", 0), self.outside)
        try:
            if outcome(dialled) is not Stray.ACCEPTED:
                return False
            self._listener.accept()[0].close()
            return True
        finally:
            dialled.close()

    def mapped(self) -> int:
        """How many ports the router maps, as nftables has it."""
        return rules(self.router).count("dnat")


def rules(router: Router) -> str:
    """What a router maps."""
    listing = [tool("nft"), "list", "chain", "inet", "igd", "targets"]
    return subprocess.check_output([*router.namespace.prefix, *listing], text=True)


# -- a router that works ------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["PCP", "NAT-PMP", "UPnP", "all"])
def test_a_port_is_open_while_it_is_wanted_and_no_longer(lab: Lab, protocol: str) -> None:
    home = Home(lab)
    home.router.offer_mappings(upnp=protocol in ("UPnP", "all"), pcp=protocol != "UPnP")
    if protocol in ("PCP", "NAT-PMP"):
        home.router.namespace.nft(_ONLY % (0 if protocol == "PCP" else 2))
    with home, Wish(home.alice) as wish:
        granted = wish.stands("granted", "silent", "refused")
        assert granted["outcome"] == "granted"
        assert protocol in ("all", granted["protocol"])
        assert granted["endpoint"] == list(home.outside)
        assert granted["after"] < 1.0
        assert home.is_open()
        assert home.mapped() == 1
        wish.leave()
        assert not home.is_open()
        assert home.mapped() == 0


@pytest.mark.parametrize("upnp", [False, True])
def test_a_mapping_is_renewed_for_as_long_as_it_is_wanted_and_lapses_when_we_crash(
    lab: Lab, upnp: bool
) -> None:
    home, lease = Home(lab), 4.0
    home.router.offer_mappings(upnp=upnp, pcp=not upnp)
    with home, Wish(home.alice, lease) as wish:
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
        assert wish.stands("granted", "refused", "silent", "nested")["outcome"] == "nested"
        assert "dnat" not in rules(lab.routers["alice-router"])


def test_a_router_that_says_nothing_costs_a_second_and_no_more(lab: Lab) -> None:
    home = Home(lab)
    home.router.namespace.nft(_MUTE)
    with home, Wish(home.alice) as wish:
        assert 0.9 < wish.stands("silent", "granted")["after"] < 1.5
        wish.leave()


# -- routers that lie ---------------------------------------------------------------------


@contextmanager
def answering(
    namespace: Namespace, port: int, replies: Callable[[bytes], list[bytes]], *, via: int = 0, group: str = ""
) -> Iterator[list[bytes]]:
    """Answer each datagram at a port, or `via` another one. What was asked is in the list."""
    heard: list[bytes] = []
    with namespace.socket(kind=socket.SOCK_DGRAM) as sock, namespace.socket(kind=socket.SOCK_DGRAM) as other:
        sock.bind(("0.0.0.0", port))
        other.bind(("0.0.0.0", via))
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
            with namespace.socket(kind=socket.SOCK_DGRAM) as ender:
                ender.sendto(b"end", ("127.0.0.1", port))
            thread.join()


def index_of(namespace: Namespace) -> int:
    """The number of the first interface of a namespace that is not its loopback."""
    with namespace.entered():
        return max(number for number, name in socket.if_nameindex() if name != "lo")


def pcp_answer(request: bytes, *, nonce: bytes = b"", port: int = PORT, host: str = "5.2.0.1") -> bytes:
    """Grant what a PCP request asks for: that, or something else."""
    opcode, lifetime = request[1], request[4:8]
    answer = struct.pack("!BBBB4sI12x", 2, 0x80 | opcode, 0, 0, lifetime, 1_000)
    if opcode:
        outside = bytes(10) + b"\xff\xff" + socket.inet_aton(host)
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
            assert wish.stands("granted", "refused", "silent", "nested")["outcome"] == expected
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
            assert wish.stands("granted", "silent")["endpoint"] == ["5.2.0.1", PORT]
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
