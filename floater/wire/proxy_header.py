"""Read the header that a proxy puts before a connection: PROXY protocol, version 2 (spec §2.6).

::

    0d0a0d0a000d0a515549540a | u8 version and command | u8 family | u16 size | addresses, TLVs

Version 1, a line of text, is not read: where it ends is not known from its first bytes.
"""

import ipaddress
from typing import Final

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_HEADER: Final = 4_096
"Bytes of one header, with what it says beside the addresses."
_FIXED: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6 = 0x00, 0x11, 0x21
_ADDRESS_SIZES: Final = {_TCP4: 4, _TCP6: 16}


def missing(header: bytes | bytearray) -> int:
    """Return how many more bytes belong to a header at least, and never too many; 0 if it is whole.

    Args:
        header: its first bytes, nothing behind it.

    Raises:
        RemoteProtocolError: these are not the first bytes of a header (BAD_FRAME, FRAME_TOO_LARGE).
    """
    if header[: len(SIGNATURE)] != SIGNATURE[: len(header)]:
        raise RemoteProtocolError(Code.BAD_FRAME, "no PROXY header")
    if len(header) > 12 and header[12] not in (_LOCAL, _PROXY):
        raise RemoteProtocolError(Code.BAD_FRAME, "version or command of a PROXY header")
    if len(header) < _FIXED:
        return _FIXED - len(header)
    size = _FIXED + int.from_bytes(header[14:16], "big")
    if size > MAX_HEADER:
        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, "PROXY header")
    return size - len(header)


def source_of(header: bytes | bytearray) -> Endpoint | None:
    """Return where a connection comes from, as a whole header says.

    Returns:
        None if it comes from the proxy itself, or the proxy does not know.

    Raises:
        RemoteProtocolError: BAD_FIELD: neither TCP over IPv4 nor over IPv6, or it is too short.
    """
    if header[12] == _LOCAL or header[13] == _UNSPECIFIED:
        return None
    size = _ADDRESS_SIZES.get(header[13])
    if size is None or len(header) < _FIXED + 2 * size + 4:
        raise RemoteProtocolError(Code.BAD_FIELD, "addresses of a PROXY header")
    address = ipaddress.ip_address(bytes(header[_FIXED : _FIXED + size]))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    port = header[_FIXED + 2 * size : _FIXED + 2 * size + 2]
    return Endpoint(str(address), int.from_bytes(port, "big"))
