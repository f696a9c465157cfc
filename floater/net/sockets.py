"""TCP sockets for punching: made so that one port can listen and dial at once, as `platforms` rules."""

import socket
import struct
import sys
from typing import Final

from floater.net.platforms import platform_of
from floater.wire.endpoint import Address, Endpoint, parse_address

RULES: Final = platform_of(sys.platform)
"Of this system."
LOW_TTL: Final = 5
"""Routers that a SYN may pass that is only to open our own NATs: more than there are in a home and between it
and its carrier's NAT, less than there are to the NAT of a peer (hyperdht takes the same)."""
NOTSENT_LOW_WATER: Final = 65_536
"""Bytes not yet sent that the kernel takes from a link. What waits behind them waits in our hands, where a
text may still overtake a file."""
_TTL: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
_KEEP_IDLE: Final = 30
_KEEP_INTERVAL: Final = 10
_KEEP_COUNT: Final = 3
_LINGER_NOT: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def punch_socket(family: socket.AddressFamily, port: int) -> socket.socket:
    """Make a non-blocking TCP socket on a port of all our addresses, which it shares with others of ours.

    Args:
        family: AF_INET or AF_INET6 (then for IPv6 alone).
        port: 0 for a fresh one.

    Raises:
        OSError: the family is not available, or the port is in use.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        share_port(sock)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    except BaseException:
        sock.close()
        raise
    return sock


def share_port(sock: socket.socket) -> None:
    """Let a socket share its port; to be called before `bind`, on every socket of the port."""
    for name in RULES.share:
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), 1)


def connect_low(sock: socket.socket, remote: Endpoint) -> int:
    """Begin to connect with a SYN that leaves our NAT and dies before it reaches the peer's.

    The TTL is put back at once: whatever the socket sends from then on arrives,
    the same SYN too, when the kernel repeats it after a second.

    Returns:
        What `connect_ex` does.
    """
    level, name = _TTL[sock.family]
    usual = sock.getsockopt(level, name)
    sock.setsockopt(level, name, LOW_TTL)
    if RULES.deaf is not None and sock.family == socket.AF_INET:
        sock.setsockopt(*RULES.deaf, LOW_TTL + 1)
    result = sock.connect_ex(tuple(remote))
    sock.setsockopt(level, name, usual)
    return result


def prepare_link(sock: socket.socket) -> None:
    """Make a connected socket fit to be a link: small messages at once, dead ends noticed, short queues."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # macOS spells the first one TCP_KEEPALIVE; where a name is missing the system's default stays.
    for name, value in (
        ("TCP_KEEPIDLE", _KEEP_IDLE),
        ("TCP_KEEPALIVE", _KEEP_IDLE),
        ("TCP_KEEPINTVL", _KEEP_INTERVAL),
        ("TCP_KEEPCNT", _KEEP_COUNT),
        ("TCP_NOTSENT_LOWAT", NOTSENT_LOW_WATER),
    ):
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def forget_on_close(sock: socket.socket) -> None:
    """Make `close` send RST and leave no TIME_WAIT, so that the same two ports can meet again at once.

    Never for a stream on which something said still has to arrive.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    except OSError:
        pass  # it is closed already


def remote_of(sock: socket.socket) -> Endpoint:
    """Tell where the other end is, spelled as `parse_address` does.

    Raises:
        OSError: the socket is not connected any more.
    """
    host, port = sock.getpeername()[:2]
    return Endpoint(str(address_of(host) or host), port)


def local_of(sock: socket.socket) -> Endpoint:
    """Tell our own end, spelled the same way."""
    host, port = sock.getsockname()[:2]
    return Endpoint(str(address_of(host) or host), port)


def family_of(host: str) -> socket.AddressFamily:
    """Tell the family of a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def address_of(host: str) -> Address | None:
    """Read an address as a system call gave it; a zone (`%eth0`) is dropped."""
    return parse_address(host.split("%")[0])
