"""Find out by probing what a NAT does, and prove that each kind does what its name says.

The probes are plain TCP connections from a host behind the router and from two
public hosts; nothing is read from the router itself, except that the wire's
capture tells which port a SYN left by that nobody was to see.
"""

import errno
import functools
import itertools
import select
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Final

from tests.natlab.namespaces import Namespace
from tests.natlab.nats import KINDS, Allocation, Behaviour, Filtering, Mapping, Stray
from tests.natlab.scene import Host, Scene

Endpoint = tuple[str, int]

RTT: Final = 0.02
PATIENCE: Final = 0.6
"Seconds until a SYN counts as dropped: many round trips, but less than TCP's first repetition."
_AT_ONCE: Final = 4
"Proofs side by side: each has a wire that must keep time, and two cores may be all there are."
_HTTPS: Final = 443
_OTHER: Final = 8443
_FLOWS: Final = 8
_BLOCK: Final = 2048
"Ports within which a NAT that hands out blocks stays."


class KindFailed(AssertionError):
    """A NAT of the laboratory does not do what its name says."""


@functools.cache
def prove(code: str) -> Behaviour:
    """Build a router of a kind and probe it, once for each process.

    Raises:
        KindFailed: it behaves otherwise than the table of kinds says.
    """
    with Scene(rtt=RTT) as scene:
        found = classify(scene, scene.behind(code, "subject"))
    if found != KINDS[code].behaviour:
        raise KindFailed(f"{code} should be {KINDS[code].behaviour}, but is {found}")
    return found


def prove_all(codes: Iterable[str]) -> None:
    """Prove kinds, several at a time: a proof mostly waits for what does not come.

    Raises:
        KindFailed: one of them behaves otherwise than the table of kinds says.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for proof in [pool.submit(prove, code) for code in dict.fromkeys(codes)]:
            proof.result()


def classify(scene: Scene, subject: Host) -> Behaviour:
    """Probe what stands between a host and the Internet. Adds two public hosts to the scene."""
    with ExitStack() as stack:
        return _Probe(scene, subject, stack).behaviour()


class _Probe:
    def __init__(self, scene: Scene, subject: Host, stack: ExitStack) -> None:
        self.scene = scene
        self.subject = subject
        self.stack = stack
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
        return Behaviour(
            mapping,
            filtering,
            self._allocation(mapping),
            by_stranger,
            self._crossing(),
            poisoned=mapping is Mapping.ENDPOINT_INDEPENDENT
            and by_stranger is not Stray.ACCEPTED
            and self._is_poisoned(local, mapped),
            egress=egress,
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
        elif other is not None and other[1] == mapped:
            mapping = Mapping.ADDRESS_DEPENDENT
        else:
            mapping = Mapping.PORT_DEPENDENT
        return local, mapping, mapped, other is not None

    def _allocation(self, mapping: Mapping) -> Allocation:
        pairs = [self._seen_from(self.https, 0) for _ in range(_FLOWS)]
        ports = [(local, mapped[1]) for local, mapped in (pair for pair in pairs if pair is not None)]
        assert len(ports) == _FLOWS
        taken = [port for _, port in ports]
        if all(local == port for local, port in ports):
            return Allocation.PRESERVED
        if mapping is Mapping.ENDPOINT_INDEPENDENT:
            return Allocation.FIXED
        if all(0 < after - before < 4 for before, after in itertools.pairwise(taken)):
            return Allocation.SEQUENTIAL
        return Allocation.BLOCK if max(taken) - min(taken) < _BLOCK else Allocation.RANDOM

    def _knock(self, mapped: Endpoint) -> list[Stray]:
        """Dial the mapped endpoint from a port and from an address that were never dialled from there."""
        knocks = [
            self._dial(self.first, (self.first.address, 0), mapped),
            self._dial(self.second, (self.second.addresses[1], _HTTPS), mapped),
        ]
        fates = _outcomes(knocks)
        for knock in knocks:
            knock.close()
        return fates

    def _is_poisoned(self, local: int, mapped: Endpoint) -> bool:
        """Dial where the stranger's SYN came from: is the mapping still the same?"""
        listener = self._listen(self.second, self.second.addresses[1], _HTTPS)
        seen = self._seen_from(listener, local)
        assert seen is not None
        return seen[1] != mapped

    def _crossing(self) -> bool:
        """Send a SYN that is lost on the way, then let its target send one back: simultaneous open."""
        scene, place = self.scene, (self.second.addresses[2], _HTTPS)
        scene.capture(self.subject.name)
        scene.block(self.subject.name, self.second.name)
        began = time.monotonic()
        ours = self._dial(self.subject, ("", 0), place)
        mapped = self._left_by(place)
        scene.block(self.subject.name, self.second.name, blocked=False)
        _outcomes([self._dial(self.second, place, mapped)], PATIENCE - (time.monotonic() - began))
        return ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and _is_connected(ours)

    def _left_by(self, place: Endpoint) -> Endpoint:
        deadline = time.monotonic() + PATIENCE
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
        listener.settimeout(PATIENCE)
        accepted, peer = listener.accept()
        self.stack.enter_context(accepted)
        return dialled.getsockname()[1], peer

    def _dial(self, host: Host, local: Endpoint, remote: Endpoint) -> socket.socket:
        return self.stack.enter_context(dial(host.namespace, local, remote))

    def _listen(self, host: Host, address: str, port: int) -> socket.socket:
        listener = self.stack.enter_context(shared_socket(host.namespace, (address, port)))
        listener.listen()
        return listener


def shared_socket(namespace: Namespace, local: Endpoint) -> socket.socket:
    """A TCP socket bound to an endpoint that others may be bound to as well."""
    made = namespace.socket(socket.AF_INET6 if ":" in local[0] else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(local)
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
    deadline = time.monotonic() + patience
    waiting = set(dialled)
    while waiting and (left := deadline - time.monotonic()) > 0:
        waiting -= set(select.select([], list(waiting), [], left)[1])
    return [Stray.DROPPED if one in waiting else _fate(one) for one in dialled]


def _fate(dialled: socket.socket) -> Stray:
    error = dialled.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    match error:
        case 0:
            return Stray.ACCEPTED
        case errno.ECONNREFUSED:
            return Stray.RESET
        case errno.EHOSTUNREACH:
            return Stray.UNREACHABLE
    raise OSError(error, "an answer that no kind gives")


def _is_connected(dialled: socket.socket) -> bool:
    try:
        dialled.getpeername()
    except OSError:
        return False
    return True


@contextmanager
def plain_dial(host: Host, remote: Endpoint) -> Iterator[Stray]:
    """The negative control: dial from a fresh port, as somebody would who has made no hole."""
    dialled = dial(host.namespace, ("::" if ":" in remote[0] else "", 0), remote)
    try:
        yield outcome(dialled)
    finally:
        dialled.close()
