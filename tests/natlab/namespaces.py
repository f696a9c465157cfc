"""Network namespaces: made, entered, and removed again whatever happens. Needs root.

A name tells who made it (`natlab-PID-START-NUMBER-LABEL`), so that the next run
finds and removes what a killed run left behind, and no run touches what a
living one still uses.
"""

import ctypes
import fcntl
import ipaddress
import itertools
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

PREFIX: Final = "natlab"
_RUN: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x4000_0000
_SIOCGIFFLAGS: Final = 0x8913
_RUNNING: Final = 0x40
_NETLINK_NETFILTER: Final = 12
# Header: size, IPCTNL_MSG_CT_DELETE of NFNL_SUBSYS_CTNETLINK, NLM_F_REQUEST | NLM_F_ACK, number, port; then
# family (any), version, resource. Without attributes that choose, all are deleted.
_CT_DELETE_ALL: Final = struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 1 | 4, 1, 0, 0, 0, 0)
_libc = ctypes.CDLL(None, use_errno=True)  # Python has os.setns only from 3.12 on
_numbers = itertools.count()

_PATH: Final = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"  # sudo's path has no sbin everywhere
_TOOLS: Final = {
    name: shutil.which(name, path=_PATH)
    # Debian: iproute2, nftables, util-linux, miniupnpd-nftables
    for name in ("ip", "nft", "nsenter", "miniupnpd")
}
_TUN: Final = Path("/dev/net/tun")
_HANG: Final = 30.0
"Seconds within which the kernel does what it has to."
_LAST_WORDS: Final = 5.0
"Seconds that a program has to end by itself."


def missing() -> str | None:
    """Say what this machine lacks to run the laboratory; None if nothing."""
    if os.geteuid() != 0:
        return "the NAT laboratory needs root"
    if absent := [name for name, path in _TOOLS.items() if path is None]:
        return f"the NAT laboratory needs {', '.join(absent)}"
    try:
        if not _TUN.exists():  # a bare tree has no devices
            _TUN.parent.mkdir(exist_ok=True)
            os.mknod(_TUN, 0o600 | stat.S_IFCHR, os.makedev(10, 200))
        _TUN.open("r+b", buffering=0).close()
    except OSError as error:
        return f"the NAT laboratory needs {_TUN}: {error.strerror}"
    return None


class Namespace:
    """One network namespace, as empty as the kernel makes it but for its loopback.

    Without `ipv6` it has none: its neighbour talk would only blur the captures.
    """

    def __init__(self, label: str, *, ipv6: bool = False) -> None:
        self.name = f"{_own_prefix()}-{next(_numbers)}-{label}"
        self.path = _RUN / self.name
        run("ip", "netns", "add", self.name)
        with self.entered():
            for who in ("all", "default"):
                sysctl(f"net/ipv6/conf/{who}/disable_ipv6", 0 if ipv6 else 1)
                sysctl(f"net/ipv6/conf/{who}/accept_dad", 0)
                sysctl(f"net/ipv6/conf/{who}/router_solicitations", 0)
            sysctl("net/ipv4/conf/all/rp_filter", 0)
            sysctl("net/ipv4/conf/default/rp_filter", 0)
            sysctl("net/ipv4/icmp_ratelimit", 0)  # a router that answers answers each packet
        self.ip("link set lo up")

    @property
    def prefix(self) -> list[str]:
        """What to put before a command so that it runs in here. The process id stays the command's own."""
        return [tool("nsenter"), f"--net={self.path}", "--"]

    def entered(self) -> AbstractContextManager[None]:
        """Let the calling thread be in here for a moment. Sockets made in here stay in here."""
        return entered(self.path)

    def socket(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0
    ) -> socket.socket:
        """Make a socket that lives in here; any thread may use it."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def ip(self, *lines: str) -> None:
        """Run lines of `ip` in here, in one go."""
        # Not `ip -n`: it remounts `/`, which in a chroot need not be a mount point.
        run(*self.prefix, tool("ip"), "-batch", "-", stdin="\n".join(lines) + "\n")

    def nft(self, ruleset: str) -> None:
        """Load nftables rules in here, all or none."""
        run(*self.prefix, tool("nft"), "-f", "-", stdin=ruleset)

    def forget_connections(self) -> None:
        """Let the kernel forget what connections, and translations of them, it has seen in here."""
        with self.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as asker:
            asker.send(_CT_DELETE_ALL)
            (error,) = struct.unpack_from("=i", asker.recv(4096), 16)
        if error:
            raise OSError(-error, f"{os.strerror(-error)}: connections of {self.name}")

    def await_links(self, *interfaces: str) -> None:
        """Wait until interfaces that were switched on carry.

        The kernel lets them in its own time, up to a second on a busy machine;
        until then a bridge drops and IPv6 has no usable address.
        """
        deadline = time.monotonic() + _HANG
        with self.socket(kind=socket.SOCK_DGRAM) as asker:
            for interface in interfaces:
                while not _flags(asker, interface) & _RUNNING:
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"{interface} of {self.name} never carries")
                    time.sleep(0.001)

    def add_address6(self, address: str, interface: str) -> None:
        """Give an interface an IPv6 address (`a/n`) and wait until packets to it are taken in.

        The kernel does the latter in its own time, too.
        """
        self.ip(f"address add {address} dev {interface} nodad")
        own = f"{ipaddress.ip_interface(address).ip.packed.hex()} 80 "
        deadline = time.monotonic() + _HANG
        with self.entered():
            while own not in Path("/proc/thread-self/net/ipv6_route").read_text():
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{address} of {self.name} never becomes usable")
                time.sleep(0.001)

    def interfaces(self) -> list[str]:
        """Name the interfaces there are in here."""
        with self.entered():
            return [name for _, name in socket.if_nameindex()]

    def udp_ports(self, *, ipv6: bool = False) -> set[int]:
        """Find the UDP ports that somebody in here listens to by IPv4, or by IPv6."""
        with self.entered():
            rows = Path("/proc/thread-self/net", "udp6" if ipv6 else "udp").read_text().splitlines()[1:]
        return {int(row.split()[1].rpartition(":")[2], 16) for row in rows}

    def pids(self) -> list[int]:
        """Find the processes that are in here."""
        return _pids(self.name)

    def remove(self) -> None:
        """End what still runs in here and take the namespace away. May be called again."""
        remove(self.name)


@contextmanager
def entered(path: Path) -> Iterator[None]:
    """Let the calling thread be in a namespace for a moment.

    Nothing in between may await: other work of this thread would be in there as well.
    """
    with open("/proc/thread-self/ns/net", "rb") as home, path.open("rb") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def remove(name: str) -> None:
    """Remove a namespace of the laboratory by its name, with all that runs in it."""
    try:
        for blow in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + _LAST_WORDS
            while (pids := _pids(name)) and time.monotonic() < deadline:
                for pid in pids:
                    _kill(pid, blow)
                time.sleep(0.01)
        run("ip", "netns", "delete", name)
    except RuntimeError:
        if (_RUN / name).exists():
            raise  # else another run has swept it in the meantime


def sweep() -> list[str]:
    """Remove what killed runs of the laboratory left behind. Returns the names removed."""
    dead = [path for path in _RUN.glob(f"{PREFIX}-*-*-*-*") if not _maker_lives(path.name)]
    for path in dead:
        remove(path.name)
    folders = Path(tempfile.gettempdir()).glob(f"{PREFIX}-*-*-*")
    for folder in (path for path in folders if not _maker_lives(path.name)):
        shutil.rmtree(folder, ignore_errors=True)
        dead.append(folder)
    return [path.name for path in dead]


def make_folder() -> Path:
    """Make a folder that `sweep` removes if its maker is killed before it can."""
    return Path(tempfile.mkdtemp(prefix=f"{_own_prefix()}-"))


def sysctl(key: str, value: int, *, optional: bool = False) -> None:
    """Set a kernel variable of the namespace this thread is in; an `optional` one only if there is one."""
    path = Path("/proc/sys", key)
    if path.exists() or not optional:
        path.write_text(f"{value}\n")


def run(*command: str, stdin: str | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        RuntimeError: it failed; the message holds what it complained about.
    """
    done = subprocess.run(
        [tool(command[0]), *command[1:]], input=stdin, capture_output=True, text=True, check=False, timeout=30
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def tool(name: str) -> str:
    """Where a program is; `sudo` may know less of that than the system has."""
    return _TOOLS.get(name) or name


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _pids(name: str) -> list[int]:
    # `ip netns pids` does the same, but takes a process of its own each time.
    try:
        there = (_RUN / name).stat()
    except FileNotFoundError:
        return []
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.samestat(there, os.stat(f"/proc/{pid}/ns/net")):
                found.append(int(pid))
        except OSError:  # it has ended
            pass
    return found


def _kill(pid: int, blow: signal.Signals) -> None:
    try:
        os.kill(pid, blow)
    except ProcessLookupError:
        pass


def _flags(asker: socket.socket, interface: str) -> int:
    answer = fcntl.ioctl(asker, _SIOCGIFFLAGS, struct.pack("16s16x", interface.encode()))
    return int(struct.unpack_from("H", answer, 16)[0])


def _own_prefix() -> str:
    return f"{PREFIX}-{os.getpid()}-{_started(os.getpid())}"


def _maker_lives(name: str) -> bool:
    pid, start = name.split("-")[1:3]
    return pid.isdigit() and _started(int(pid)) == start


def _started(pid: int) -> str:
    """When a process was started, in ticks since boot; empty if there is none. Tells a reused id apart."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return ""
