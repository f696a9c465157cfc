"""STUN Binding over TCP, as much as an observer needs (RFC 8489 §5, §6.2.2, §14; spec §5).

Two attributes are our own, from the range that others pass over. They do over
TCP what CHANGE-REQUEST does over UDP (RFC 5780 §7.2).

Layout, big-endian::

    u16 type | u16 length | u32 0x2112A442 | 12 bytes transaction id | attributes
    an attribute: u16 type | u16 length | value, padded to 4
"""

import ipaddress
import struct
from dataclasses import dataclass
from enum import Flag
from typing import Final, TypeAlias

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_COOKIE: Final = 0x2112_A442
_REQUEST: Final = 0x0001
_SUCCESS: Final = 0x0101
_INDICATION: Final = 0x0011
_USERNAME: Final = 0x0006
_XOR_MAPPED_ADDRESS: Final = 0x0020
_PROBE: Final = 0xFF10
_FATE: Final = 0xFF11
_U32: Final = struct.Struct("!I")
_FATES: Final = (Stray.DROPPED, Stray.ACCEPTED, Stray.RESET, Stray.UNREACHABLE)
_MAX_ATTRIBUTES: Final = 512


class Probe(Flag):
    """Where a SYN is to come from that the asker has not asked for by dialling there.

    The bits are those of RFC 5780 §7.2, and so is what they tell: how a NAT filters.
    """

    NONE = 0
    OTHER_PORT = 2  # from the observer's address, and a port that clients never dial
    OTHER_ADDRESS = 4  # from another address of the same server


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """Ask an observer what we look like. `username` is the `observer_key` of `welcome`."""

    transaction: bytes
    "12 random bytes."
    username: str
    probe: Probe = Probe.NONE
    "SYNs that shall come to the endpoint which this request comes from."


@dataclass(frozen=True, slots=True)
class BindingResponse:
    """What the observer saw."""

    transaction: bytes
    mapped: Endpoint
    probe: Probe = Probe.NONE
    "SYNs that are under way to it. Each is reported on."


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What became of one SYN: an indication, after the answer of the same `transaction`."""

    transaction: bytes
    probe: Probe
    fate: Stray


StunMessage: TypeAlias = BindingRequest | BindingResponse | ProbeReport


def encode(message: StunMessage) -> bytes:
    """Lay a message out: a request with USERNAME, an answer with XOR-MAPPED-ADDRESS (RFC 8489 §14.2)."""
    probe = _attribute(_PROBE, _U32.pack(message.probe.value)) if message.probe else b""
    match message:
        case BindingRequest(username=username):
            attributes, kind = _attribute(_USERNAME, username.encode("utf-8")), _REQUEST
        case BindingResponse(mapped=mapped):
            attributes, kind = _attribute(_XOR_MAPPED_ADDRESS, _mask(mapped, message.transaction)), _SUCCESS
        case _:
            attributes, kind = _attribute(_FATE, _U32.pack(_FATES.index(message.fate))), _INDICATION
    attributes += probe
    return _HEADER.pack(kind, len(attributes), _COOKIE, message.transaction) + attributes


def take_message(buffer: bytearray) -> StunMessage | None:
    """Take one message off the front of `buffer`; None if it has not all arrived.

    Raises:
        RemoteProtocolError: BAD_FRAME (no STUN, no Binding, a broken
            attribute) or FRAME_TOO_LARGE (more than 512 bytes of attributes),
            both from the header alone where the header shows it.
    """
    if len(buffer) < _HEADER.size:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(buffer)
    if cookie != _COOKIE or kind not in (_REQUEST, _SUCCESS, _INDICATION) or length % 4:
        raise RemoteProtocolError(Code.BAD_FRAME, "no STUN Binding")
    if length > _MAX_ATTRIBUTES:
        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"STUN of {length} bytes")
    if len(buffer) < _HEADER.size + length:
        return None
    attributes = _attributes(bytes(buffer[_HEADER.size : _HEADER.size + length]))
    del buffer[: _HEADER.size + length]
    try:
        probe = _probe_of(attributes)
        if kind == _REQUEST:
            return BindingRequest(transaction, attributes.get(_USERNAME, b"").decode("utf-8"), probe)
        if kind == _SUCCESS:
            return BindingResponse(transaction, _unmask(attributes[_XOR_MAPPED_ADDRESS], transaction), probe)
        (fate,) = _U32.unpack(attributes[_FATE])
        return ProbeReport(transaction, probe, _FATES[fate])
    except (LookupError, ValueError, struct.error) as error:
        raise RemoteProtocolError(Code.BAD_FRAME, "STUN attribute") from error


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _probe_of(attributes: dict[int, bytes]) -> Probe:
    """Read the bits that are known; a later version may have more."""
    (bits,) = _U32.unpack(attributes.get(_PROBE, bytes(4)))
    return Probe(bits & (Probe.OTHER_PORT | Probe.OTHER_ADDRESS).value)


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        kind, size = _ATTRIBUTE.unpack_from(data, at)
        at += _ATTRIBUTE.size
        if at + size > len(data):
            raise RemoteProtocolError(Code.BAD_FRAME, "STUN attribute")
        found.setdefault(kind, data[at : at + size])
        at += size + (-size % 4)
    return found


def _mask(mapped: Endpoint, transaction: bytes) -> bytes:
    address = ipaddress.ip_address(mapped.host)
    mask = struct.pack("!I", _COOKIE) + transaction
    head = struct.pack("!xBH", 1 if address.version == 4 else 2, mapped.port ^ (_COOKIE >> 16))
    return head + bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))


def _unmask(value: bytes, transaction: bytes) -> Endpoint:
    family, port = struct.unpack("!xBH", value[:4])
    mask = struct.pack("!I", _COOKIE) + transaction
    size = {1: 4, 2: 16}[family]
    if len(value) != 4 + size:
        raise ValueError(value)
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return Endpoint(str(ipaddress.ip_address(packed)), port ^ (_COOKIE >> 16))
