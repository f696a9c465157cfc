"""What the systems want of sockets that punch. The rules stand here; `floater.net.sockets` follows them.

Sources: socket(7), ip(7) and tcp_v4_err of Linux; setsockopt(2) and tcp_notify of FreeBSD, macOS beside it;
"Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", Microsoft, and Python's selectmodule.c. Only Linux was measured.
"""

import os
from dataclasses import dataclass
from types import ModuleType
from typing import Final

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

_SPARE: Final = 128
"Descriptors that are left to the rest of the program."
_FD_SETSIZE: Final = 512
"Sockets that Python's select() takes on Windows."
_ENOUGH: Final = 4_096
"More sockets than are ever wanted."


@dataclass(frozen=True, slots=True)
class Platform:
    """The rules of one system."""

    share: tuple[str, ...]
    "Options of SOL_SOCKET, by name, that let a port be shared: for every socket of it, before `bind`."
    deaf: tuple[int, int] | None = None
    "Level and name of an option: the smallest TTL that counts, also of a packet that an ICMP error quotes."
    prompts: bool = False
    "Who listens makes the firewall ask the person. So we begin without: SYNs that cross need none."
    watches: int = _ENOUGH
    "Sockets that the event loop can watch."


def platform_of(system: str) -> Platform:
    """Give the rules of a system, by the name that `sys.platform` has there.

    - Linux shares a port among sockets of one user by both flags; the kernel
      tells streams apart by their four numbers. An ICMP error, also "time
      exceeded", ends a connect at once; but with IP_MINTTL the kernel drops
      errors about packets whose TTL was lower (RFC 5082 §3; tcp_v4_err), so
      that a SYN which is meant to die on the way keeps its socket. By IPv6
      nothing does that (IPV6_MINHOPCOUNT counts the hops of the error itself;
      tcp_v6_err), and nothing has to: the hole stays, and the listener on the
      same port takes the caller's SYN (tests.natlab.test_firewall6).
    - BSD and macOS share by SO_REUSEPORT; SO_REUSEADDR alone does not. ICMP
      errors are soft there while a connect goes on. A socket that got a RST
      in SYN_SENT is dead for ever: every dial is a new socket, everywhere.
    - Windows has no SO_REUSEPORT. SO_EXCLUSIVEADDRUSE, which is advised
      for servers, allows one socket only, and we need three of a port; its
      SO_REUSEADDR lets other programs of this user in too. All they could get
      is a stream that fails authentication. Its select() takes 512 sockets,
      and the proactor loop does not connect from a bound port, so the
      selector loop is used (`floater.loop`).
    """
    if system == "win32":
        return Platform(("SO_REUSEADDR",), prompts=True, watches=_FD_SETSIZE)
    if system == "linux":
        return Platform(("SO_REUSEADDR", "SO_REUSEPORT"), deaf=(0, 21))  # IPPROTO_IP, IP_MINTTL
    return Platform(("SO_REUSEADDR", "SO_REUSEPORT"))


def room_for_sockets(rules: Platform, wanted: int, watched: int) -> int:
    """Say how many more sockets may be opened, at most `wanted`; a soft limit is raised.

    `watched` of the same kind are open, and the event loop watches them.
    """
    wanted = max(0, min(wanted, rules.watches - _SPARE - watched))
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/dev/fd"))
    needed = used + wanted + _SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError):  # macOS: hard may be more than the kernel grants
            pass
    return wanted if soft == resource.RLIM_INFINITY else max(0, min(wanted, soft - used - _SPARE))
