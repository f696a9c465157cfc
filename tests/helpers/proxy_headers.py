"""Writes PROXY headers as a proxy does."""

import ipaddress

from floater.wire.endpoint import Endpoint
from floater.wire.proxy_header import SIGNATURE


def proxy_header(source: Endpoint, *, further: bytes = b"") -> bytes:
    """Write the header of a connection from `source`; `further` are the TLVs behind the addresses."""
    address = ipaddress.ip_address(source.host)
    family = 0x11 if address.version == 4 else 0x21
    here = bytes(len(address.packed))
    body = address.packed + here + source.port.to_bytes(2, "big") + bytes(2) + further
    return SIGNATURE + bytes((0x21, family)) + len(body).to_bytes(2, "big") + body
