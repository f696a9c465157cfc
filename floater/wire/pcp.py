"""PCP, as much as a TCP port takes (RFC 6887 §7, §11, §14; spec §5.2).

By IPv6 the same words open a pinhole in a firewall: it is a mapping of an
endpoint to itself (§11.2). Layout, big-endian; IPv4 addresses travel as `::ffff:a.b.c.d`::

    request        u8 2 | u8 opcode | u16 0 | u32 lifetime | 16 bytes our address
    answer         u8 2 | u8 128 + opcode | u8 0 | u8 result | u32 lifetime | u32 epoch | 12 bytes 0
    ANNOUNCE (0)   nothing more
    MAP (1)        12 bytes nonce | u8 6 (TCP) | 3 bytes 0 | u16 internal | u16 external | 16 bytes address
"""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint

NONCE_SIZE: Final = 12
ANNOUNCE_GROUP_6: Final = "ff02::1"
"Multicast group in which a router announces by IPv6 that it has restarted (§14.1.1)."
MAX_DATAGRAM: Final = 1_100
"RFC 6887 §7."

_VERSION: Final = 2
_ANNOUNCE: Final = 0
_MAP: Final = 1
_ANSWER: Final = 128
_TCP: Final = 6
_UNSUPPORTED_VERSION: Final = 1
_REQUEST: Final = struct.Struct("!BBHI16s")
_RESPONSE: Final = struct.Struct("!BBBBII12s")
_BODY: Final = struct.Struct("!12sB3xHH16s")


@dataclass(frozen=True, slots=True)
class Announced:
    """The router is there, and speaks PCP."""

    epoch: int
    "Seconds since the router last lost its mappings."


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """A port is mapped for `lifetime` seconds; 0: no more."""

    epoch: int
    nonce: bytes
    internal: int
    external: Endpoint
    lifetime: int


@dataclass(frozen=True, slots=True)
class Denied:
    """The router says no (RFC 6887 §7.4)."""

    result: int
    nonce: bytes = b""
    "Of the request that it answers, if that was for a port."

    @property
    def speaks_other(self) -> bool:
        """Whether it does not know this version: it speaks NAT-PMP."""
        return self.result == _UNSUPPORTED_VERSION


Answer: TypeAlias = Announced | MapAnswer | Denied


def encode_announce(host: str) -> bytes:
    """Lay out the question whether the router speaks PCP. `host` is our address, as the router sees it."""
    return _REQUEST.pack(_VERSION, _ANNOUNCE, 0, 0, _packed(host))


def encode_map_request(host: str, nonce: bytes, internal: int, external: int, lifetime: int) -> bytes:
    """Lay out a request for a TCP port.

    Args:
        host: our address, as the router sees it.
        nonce: 12 random bytes, the same for all requests about this mapping.
        internal: our port.
        external: the one wished for outside.
        lifetime: seconds; 0 removes the mapping.
    """
    body = _BODY.pack(nonce, _TCP, internal, external, _packed("::" if ":" in host else "0.0.0.0"))
    return _REQUEST.pack(_VERSION, _MAP, 0, lifetime, _packed(host)) + body


def decode_answer(data: bytes) -> Answer:
    """Read one datagram of a router. Options behind it are left unread.

    Raises:
        RemoteProtocolError: FRAME_TOO_LARGE or BAD_FRAME; something else.
    """
    if len(data) > MAX_DATAGRAM:
        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"PCP of {len(data)} bytes")
    if len(data) < 4 or not data[1] & _ANSWER:
        raise RemoteProtocolError(Code.BAD_FRAME, "no PCP answer")
    if data[0] != _VERSION:
        return Denied(_UNSUPPORTED_VERSION)
    try:
        _, opcode, _, result, lifetime, epoch, _ = _RESPONSE.unpack_from(data)
        if opcode == _ANSWER | _ANNOUNCE:
            return Denied(result) if result else Announced(epoch)
        if opcode != _ANSWER | _MAP:
            raise RemoteProtocolError(Code.BAD_FRAME, "PCP answer")
        nonce, protocol, internal, external, host = _BODY.unpack_from(data, _RESPONSE.size)
    except struct.error as error:
        raise RemoteProtocolError(Code.BAD_FRAME, "PCP answer") from error
    if protocol != _TCP:
        raise RemoteProtocolError(Code.BAD_FRAME, "PCP answer about another protocol")
    if result:
        return Denied(result, nonce)
    address = ipaddress.IPv6Address(host)
    return MapAnswer(
        epoch, nonce, internal, Endpoint(str(address.ipv4_mapped or address), external), lifetime
    )


def _packed(host: str) -> bytes:
    address = ipaddress.ip_address(host)
    return address.packed if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{host}").packed
