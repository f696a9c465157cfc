"""Find out by probing what a NAT does, and prove that each kind does what its name says.

The probes are plain TCP connections from a host behind the router and from two
public hosts; nothing is read from the router itself, except that the wire's
capture tells which port a SYN left by that nobody was to see.
"""

import ctypes
import errno
import functools
import itertools
import select
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final, cast

from tests.natlab.namespaces import Namespace
from tests.natlab.nats import Allocation, Behaviour, Filtering, Kind, Mapping, Stray, kind_of
from tests.natlab.scene import Host, Scene

Endpoint = tuple[str, int]

RTT: Final = 0.02
PATIENCE: Final = 0.6
"Seconds until a SYN counts as dropped: many round trips."
_GLANCE: Final = 0.01
"""Seconds of one look. Patience is so many of them, and no stretch of the clock: of a machine that stands
still for a while, all of it wakes up, and what is under way still has nearly as many to arrive."""
_HANG: Final = 10.0
"Seconds within which comes what has to."
_LATE: Final = 5.9
"Seconds from which on an answer is a late one."
_LATEST: Final = 7.0
"Seconds until which it has come."
_AT_ONCE: Final = 6
"Proofs side by side: each has a wire that must keep time, and two cores may be all there are."
_HTTPS: Final = 443
_OTHER: Final = 8443
_FLOWS: Final = 8
_BLOCK: Final = 2048
"Ports within which a NAT that hands out blocks stays."
_DEAF: Final = """
table ip deaf {
  chain in { type filter hook input priority 0; ip daddr %s tcp flags & (syn|ack) == syn drop
  }
}
"""
"Lets no SYN come to an address, nor a repetition of one."
_PLACES: Final = range(20_100, 32_768)
"Ports that no kernel gives out by itself."
_STRIDE: Final = 7_829
"Their golden section: those that are taken one after the other are far apart."
_fresh = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)  # Python's `connect` does not take AF_UNSPEC


class KindFailed(AssertionError):
    """A NAT of the laboratory does not do what its name says."""


def prove(kind: str | Kind, *, hairpin: bool = False) -> Behaviour:
    """Build a router of a kind and probe it, once for each process.

    Raises:
        KindFailed: it behaves otherwise than the table of kinds says.
    """
    kind = kind if isinstance(kind, Kind) else kind_of(kind)
    return _prove(kind, hairpin or kind.behaviour.hairpin)


@functools.cache
def _prove(kind: Kind, hairpin: bool) -> Behaviour:
    expected = replace(kind.behaviour, hairpin=hairpin)
    patience = _LATEST if expected.stray is Stray.LATE else PATIENCE
    with Scene(rtt=RTT) as scene:
        found = classify(scene, scene.behind(kind, "subject", hairpin=hairpin), patience=patience)
    if found != expected:
        raise KindFailed(f"{kind.code} should be {expected}, but is {found}")
    return found


def prove_all(kinds: Iterable[str | Kind]) -> None:
    """Prove kinds, several at a time: a proof mostly waits for what does not come.

    Raises:
        KindFailed: one of them behaves otherwise than the table of kinds says.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for proof in [pool.submit(prove, kind) for kind in dict.fromkeys(kinds)]:
            proof.result()


def classify(scene: Scene, subject: Host, *, patience: float = PATIENCE) -> Behaviour:
    """Probe what stands between a host and the Internet.

    Adds three hosts to the scene, and lets its routers forget. With less
    `patience` (seconds) than 7, a late answer to strays is not seen.
    """
    with ExitStack() as stack:
        return _Probe(scene, subject, stack, patience).behaviour()


class _Probe:
    def __init__(self, scene: Scene, subject: Host, stack: ExitStack, patience: float) -> None:
        self.scene = scene
        self.subject = subject
        self.stack = stack
        self.patience = patience
        self.first = scene.host("first", addresses=2)
        # Its second address is never dialled before it has knocked: a stranger.
        self.second = scene.host("second", addresses=3)
        self.https = self._listen(self.first, self.first.address, _HTTPS)
        self.other = self._listen(self.first, self.first.address, _OTHER)
        self.far = self._listen(self.second, self.second.address, _HTTPS)

    def behaviour(self) -> Behaviour:
        local, mapping, mapped, egress = self._mapping()
        self._listen(self.subject, "", local)
        by_contact, by_stranger = self._knock(mapped)
        if by_stranger is Stray.ACCEPTED:
            filtering = Filtering.NONE
        elif by_contact is Stray.ACCEPTED:
            filtering = Filtering.ADDRESS_DEPENDENT
        else:
            filtering = Filtering.PORT_DEPENDENT
        is_cone = mapping is Mapping.ENDPOINT_INDEPENDENT
        return Behaviour(
            mapping,
            filtering,
            stray=by_stranger,
            crossing=self._crossing(),
            poisoned=is_cone and by_stranger is not Stray.ACCEPTED and self._is_poisoned(local, mapped),
            egress=egress,
            hairpin=is_cone and self._hairpin(local, mapped),
            allocation=self._allocation(),
        )

    def _mapping(self) -> tuple[int, Mapping, Endpoint, bool]:
        """Dial three places from one port. Their connections stay, and so does the mapping."""
        seen = self._seen_from(self.https, 0)
        assert seen is not None, "not even port 443 is reached"
        local, mapped = seen
        other = self._seen_from(self.other, local)
        far = self._seen_from(self.far, local)
        assert far is not None
        if mapped[0] in self.subject.addresses:
            mapping = Mapping.NONE
        elif far[1] == mapped and (other is None or other[1] == mapped):
            mapping = Mapping.ENDPOINT_INDEPENDENT
        elif other is not None and other[1] == mapped and all(self._is_alike() for _ in range(2)):
            mapping = Mapping.ADDRESS_DEPENDENT
        else:
            mapping = Mapping.PORT_DEPENDENT
        return local, mapping, mapped, other is not None

    def _is_alike(self) -> bool:
        """Dial two ports of one address. Of a block, one port in 512 is the same for both by chance."""
        seen = self._seen_from(self.https, 0)
        return seen is not None and seen == self._seen_from(self.other, seen[0])

    def _allocation(self) -> Allocation:
        pairs = [self._seen_from(self.https, 0) for _ in range(_FLOWS)]
        ports = [(local, mapped[1]) for local, mapped in (pair for pair in pairs if pair is not None)]
        assert len(ports) == _FLOWS
        taken = [port for _, port in ports]
        if all(local == port for local, port in ports):
            return Allocation.PRESERVED
        if all(0 < after - before < 4 for before, after in itertools.pairwise(taken)):
            return Allocation.SEQUENTIAL
        if max(taken) - min(taken) < _BLOCK:
            return Allocation.BLOCK
        return Allocation.FIXED if self._is_fixed() else Allocation.RANDOM

    def _is_fixed(self) -> bool:
        """Dial one place from one port thrice, and let the routers forget each time before the next."""
        local, seen = 0, set[Endpoint]()
        for _ in range(3):
            dialled = self._dial(self.subject, ("", local), self.https.getsockname())
            assert outcome(dialled) is Stray.ACCEPTED
            local = dialled.getsockname()[1]
            self.https.settimeout(_HANG)
            accepted, peer = self.https.accept()
            seen.add(cast("Endpoint", peer))
            for end in (dialled, accepted):  # no state of a connection that ends slowly may be in the way
                _abort(end)
            for router in self.scene.routers.values():
                router.forget()
        return len(seen) == 1

    def _hairpin(self, local: int, mapped: Endpoint) -> bool:
        """Let a second host behind the same router and the subject dial each other's public endpoints."""
        sibling = self.subject.router.host(f"{self.subject.name}-sibling")
        with dial(sibling.namespace, ("", 0), self.https.getsockname()) as dialled:
            assert outcome(dialled) is Stray.ACCEPTED
            its_local, its_mapped = dialled.getsockname()[1], self._accepted(self.https)
        self._listen(sibling, "", its_local)
        if outcome(self._dial(self.subject, ("", local), its_mapped)) is Stray.ACCEPTED:
            return True
        # Its filter stood in the way, perhaps; for this one we have dialled there.
        return outcome(self._dial(sibling, ("", its_local), mapped)) is Stray.ACCEPTED

    def _knock(self, mapped: Endpoint) -> list[Stray]:
        """Dial the mapped endpoint from a port and from an address that were never dialled from there."""
        knocks = [
            self._dial(self.first, (self.first.address, 0), mapped),
            self._dial(self.second, (self.second.addresses[1], _HTTPS), mapped),
        ]
        fates = _outcomes(knocks, self.patience)
        for knock in knocks:
            knock.close()
        return fates

    def _is_poisoned(self, local: int, mapped: Endpoint) -> bool:
        """Dial where the stranger's SYN came from: is the mapping still the same?"""
        listener = self._listen(self.second, self.second.addresses[1], _HTTPS)
        seen = self._seen_from(listener, local)
        return seen is None or seen[1] != mapped

    def _crossing(self) -> bool:
        """Send a SYN that comes to nobody, then let its target send one back: simultaneous open."""
        place = (self.second.addresses[2], _HTTPS)
        self.second.namespace.nft(_DEAF % place[0])
        self.scene.capture(self.subject.name)
        ours = self._dial(self.subject, ("", 0), place)
        _outcomes([self._dial(self.second, place, self._left_by(place))])
        return ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and _is_connected(ours)

    def _left_by(self, place: Endpoint) -> Endpoint:
        deadline = time.monotonic() + _HANG
        while time.monotonic() < deadline:
            for packet in self.scene.seen(self.subject.name):
                if packet.is_bare_syn and (packet.target, packet.target_port) == place:
                    return packet.source, packet.source_port
            time.sleep(0.002)
        raise AssertionError("the SYN never left")

    def _seen_from(self, listener: socket.socket, local: int) -> tuple[int, Endpoint] | None:
        """Dial a listener from a local port (0: any); that port and whom the listener saw. None: no way."""
        dialled = self._dial(self.subject, ("", local), listener.getsockname())
        if _outcomes([dialled]) != [Stray.ACCEPTED]:
            return None
        return dialled.getsockname()[1], self._accepted(listener)

    def _accepted(self, listener: socket.socket) -> Endpoint:
        """Whom a listener sees. The connection stays."""
        listener.settimeout(_HANG)
        accepted, peer = listener.accept()
        self.stack.enter_context(accepted)
        return cast("Endpoint", peer)

    def _dial(self, host: Host, local: Endpoint, remote: Endpoint) -> socket.socket:
        return self.stack.enter_context(dial(host.namespace, local, remote))

    def _listen(self, host: Host, address: str, port: int) -> socket.socket:
        listener = self.stack.enter_context(shared_socket(host.namespace, (address, port)))
        listener.listen()
        return listener


def shared_socket(namespace: Namespace, local: Endpoint) -> socket.socket:
    """A TCP socket bound to an endpoint that others may be bound to as well.

    For port 0 it takes one that none had before. By `bind` two hosts behind one
    NAT have the same one at times, and the NAT then moves one of them.
    """
    made = namespace.socket(socket.AF_INET6 if ":" in local[0] else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((local[0], local[1] or _PLACES[next(_fresh) * _STRIDE % len(_PLACES)]))
    return made


def dial(namespace: Namespace, local: Endpoint, remote: Endpoint) -> socket.socket:
    """Begin to connect, from a shared port, and do not wait."""
    made = shared_socket(namespace, local)
    made.setblocking(False)
    error = made.connect_ex(remote)
    if error not in (0, errno.EINPROGRESS):
        made.close()
        raise OSError(error, f"cannot dial {remote}")
    return made


def outcome(dialled: socket.socket, patience: float = PATIENCE) -> Stray:
    """Wait for what a SYN gets."""
    return _outcomes([dialled], patience)[0]


def _outcomes(dialled: list[socket.socket], patience: float = PATIENCE) -> list[Stray]:
    began = time.monotonic()
    answered: dict[socket.socket, float] = {}
    for _ in range(round(patience / _GLANCE)):
        if not (waiting := [one for one in dialled if one not in answered]):
            break
        ready = select.select([], waiting, [], _GLANCE)[1]
        answered |= dict.fromkeys(ready, time.monotonic() - began)
    fates = {one: _fate(one) for one in answered}
    for one, after in answered.items():
        if fates[one] is Stray.RESET and after > _LATE:  # to TCP it is the same as an unreachable port
            fates[one] = Stray.LATE
    return [fates.get(one, Stray.DROPPED) for one in dialled]


def _fate(dialled: socket.socket) -> Stray:
    error = dialled.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    match error:
        case 0:
            return Stray.ACCEPTED
        case errno.ECONNREFUSED:
            return Stray.RESET
        case errno.EHOSTUNREACH | errno.EACCES:  # the latter is ICMPv6's "administratively prohibited"
            return Stray.UNREACHABLE
    raise OSError(error, "an answer that no kind gives")


def _is_connected(dialled: socket.socket) -> bool:
    try:
        dialled.getpeername()
    except OSError:
        return False
    return True


def _abort(connected: socket.socket) -> None:
    """End a connection at once: by `connect` to nowhere (RFC 9293 §3.10.5), which sends an RST.

    A program that another thread is just starting holds copies of all sockets
    for a moment, in which `close` ends nothing.
    """
    nowhere = bytes(16)  # AF_UNSPEC
    if _libc.connect(connected.fileno(), nowhere, len(nowhere)):
        raise OSError(ctypes.get_errno(), "cannot end a connection")
    connected.close()


@contextmanager
def plain_dial(host: Host, remote: Endpoint) -> Iterator[Stray]:
    """The negative control: dial from a fresh port, as somebody would who has made no hole."""
    dialled = dial(host.namespace, ("::" if ":" in remote[0] else "", 0), remote)
    try:
        yield outcome(dialled)
    finally:
        dialled.close()
