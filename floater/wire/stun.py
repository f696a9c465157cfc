"""STUN Binding over TCP, as much as an observer needs (RFC 8489 §5, §6.2.2, §14; spec §5).

Layout, big-endian::

    u16 type | u16 length | u32 0x2112A442 | 12 bytes transaction id | attributes
    an attribute: u16 type | u16 length | value, padded to 4
"""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_COOKIE: Final = 0x2112_A442
_REQUEST: Final = 0x0001
_SUCCESS: Final = 0x0101
_USERNAME: Final = 0x0006
_XOR_MAPPED_ADDRESS: Final = 0x0020
_MAX_ATTRIBUTES: Final = 512


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """Ask an observer what we look like. `username` is the `observer_key` of `welcome`."""

    transaction: bytes
    "12 random bytes."
    username: str


@dataclass(frozen=True, slots=True)
class BindingResponse:
    """What the observer saw."""

    transaction: bytes
    mapped: Endpoint


def encode_request(request: BindingRequest) -> bytes:
    """Lay a request out."""
    username = request.username.encode("utf-8")
    return _message(_REQUEST, request.transaction, _attribute(_USERNAME, username))


def encode_response(response: BindingResponse) -> bytes:
    """Lay an answer out, with XOR-MAPPED-ADDRESS only (RFC 8489 §14.2)."""
    address = ipaddress.ip_address(response.mapped.host)
    mask = struct.pack("!I", _COOKIE) + response.transaction
    family = 1 if address.version == 4 else 2
    value = struct.pack("!xBH", family, response.mapped.port ^ (_COOKIE >> 16))
    value += bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return _message(_SUCCESS, response.transaction, _attribute(_XOR_MAPPED_ADDRESS, value))


def take_message(buffer: bytearray) -> BindingRequest | BindingResponse | None:
    """Take one message off the front of `buffer`; None if it has not all arrived.

    Raises:
        RemoteProtocolError: BAD_FRAME (no STUN, no Binding, a broken
            attribute) or FRAME_TOO_LARGE (more than 512 bytes of attributes),
            both from the header alone where the header shows it.
    """
    if len(buffer) < _HEADER.size:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(buffer)
    if cookie != _COOKIE or kind not in (_REQUEST, _SUCCESS) or length % 4:
        raise RemoteProtocolError(Code.BAD_FRAME, "no STUN Binding")
    if length > _MAX_ATTRIBUTES:
        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"STUN of {length} bytes")
    if len(buffer) < _HEADER.size + length:
        return None
    attributes = _attributes(bytes(buffer[_HEADER.size : _HEADER.size + length]))
    del buffer[: _HEADER.size + length]
    try:
        if kind == _REQUEST:
            return BindingRequest(transaction, attributes.get(_USERNAME, b"").decode("utf-8"))
        return BindingResponse(transaction, _unmask(attributes[_XOR_MAPPED_ADDRESS], transaction))
    except (KeyError, ValueError, struct.error) as error:
        raise RemoteProtocolError(Code.BAD_FRAME, "STUN attribute") from error


def _message(kind: int, transaction: bytes, attributes: bytes) -> bytes:
    return _HEADER.pack(kind, len(attributes), _COOKIE, transaction) + attributes


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


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


def _unmask(value: bytes, transaction: bytes) -> Endpoint:
    family, port = struct.unpack("!xBH", value[:4])
    mask = struct.pack("!I", _COOKIE) + transaction
    size = {1: 4, 2: 16}[family]
    if len(value) != 4 + size:
        raise ValueError(value)
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return Endpoint(str(ipaddress.ip_address(packed)), port ^ (_COOKIE >> 16))
