"""NAT-PMP, as much as a TCP port takes (RFC 6886 §3.2, §3.3; spec §5.2).

Layout, big-endian; an answer's opcode is the request's with 128 added::

    request   u8 0 | u8 0                                                            what is your address?
              u8 0 | u8 2 | u16 0 | u16 internal | u16 external | u32 lifetime       map a TCP port
    answer    u8 0 | u8 128 | u16 result | u32 epoch | 4 bytes address
              u8 0 | u8 130 | u16 result | u32 epoch | u16 internal | u16 external | u32 lifetime
"""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.codes import Code
from floater.errors import RemoteProtocolError

PORT: Final = 5_351
"UDP port of a router that speaks NAT-PMP or PCP (RFC 6886 §3, RFC 6887 §19.1)."
ANNOUNCE_PORT: Final = 5_350
ANNOUNCE_GROUP: Final = "224.0.0.1"
"Where such a router says that it has restarted (RFC 6886 §3.2.1, RFC 6887 §14.1.1)."

_VERSION: Final = 0
_ADDRESS: Final = 0
_MAP_TCP: Final = 2
_ANSWER: Final = 128
_UNSUPPORTED_VERSION: Final = 1
_NETWORK_FAILURE: Final = 3
_HEADER: Final = struct.Struct("!BBH")
_EPOCH: Final = struct.Struct("!I")
_MAP: Final = struct.Struct("!BBHHHI")
_MAPPED: Final = struct.Struct("!HHI")


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """The router's public address, as it says."""

    epoch: int
    "Seconds since the router last lost its mappings."
    host: str


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """A port is mapped for `lifetime` seconds; 0: no more."""

    epoch: int
    internal: int
    external: int
    lifetime: int


@dataclass(frozen=True, slots=True)
class Denied:
    """The router says no, to whichever kind of request this answers (RFC 6886 §3.5)."""

    result: int
    is_map: bool
    "Of a map request; it does not say for which port."

    @property
    def speaks_other(self) -> bool:
        """Whether it does not know this version: it speaks PCP."""
        return self.result == _UNSUPPORTED_VERSION

    @property
    def has_no_address(self) -> bool:
        """Whether it has no public address to map a port of."""
        return self.result == _NETWORK_FAILURE


Answer: TypeAlias = AddressAnswer | MapAnswer | Denied


def encode_address_request() -> bytes:
    """Lay out the question for the public address."""
    return bytes((_VERSION, _ADDRESS))


def encode_map_request(internal: int, external: int, lifetime: int) -> bytes:
    """Lay out a request for a TCP port.

    Args:
        internal: our port.
        external: the one wished for outside; 0 in a removal.
        lifetime: seconds; 0 removes the mapping.
    """
    return _MAP.pack(_VERSION, _MAP_TCP, 0, internal, external, lifetime)


def decode_answer(data: bytes) -> Answer:
    """Read one datagram of a router.

    Raises:
        RemoteProtocolError: BAD_FRAME; too short or too long, or something else.
    """
    try:
        version, opcode, result = _HEADER.unpack_from(data)
        if version != _VERSION and opcode & _ANSWER:
            return Denied(_UNSUPPORTED_VERSION, is_map=False)
        if version != _VERSION or opcode not in (_ANSWER | _ADDRESS, _ANSWER | _MAP_TCP):
            raise RemoteProtocolError(Code.BAD_FRAME, "no NAT-PMP answer")
        is_map = opcode == _ANSWER | _MAP_TCP
        if result:
            return Denied(result, is_map=is_map)
        (epoch,) = _EPOCH.unpack_from(data, 4)
        if not is_map and len(data) == 12:
            return AddressAnswer(epoch, str(ipaddress.IPv4Address(data[8:12])))
        return MapAnswer(epoch, *_MAPPED.unpack(data[8:]))
    except struct.error as error:
        raise RemoteProtocolError(Code.BAD_FRAME, "NAT-PMP answer") from error
