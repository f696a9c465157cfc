"""IP packets as the wire needs them: read a few fields, count the TTL down, answer when it runs out."""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

TCP: Final = 6
FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

_ICMP: Final = 1
_ICMP6: Final = 58
_QUOTED: Final = 548
"Bytes of the packet that an ICMP error returns: 576 in all (RFC 1812 §4.3.2.3)."
_QUOTED_6: Final = 1232
"The same for IPv6: 1280 in all (RFC 4443 §3.3)."


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that was captured, taken apart as far as TCP."""

    time: float
    "Seconds since 1970."
    source: str
    target: str
    ttl: int
    protocol: int
    source_port: int = 0
    target_port: int = 0
    flags: int = 0
    sequence: int = 0
    payload: bytes = b""
    raw: bytes = b""

    @property
    def is_bare_syn(self) -> bool:
        """Whether this opens a connection."""
        return self.flags & (SYN | ACK) == SYN


def destination(packet: bytes) -> bytes:
    """The packed address a packet is for."""
    return packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]


def source(packet: bytes) -> bytes:
    """The packed address a packet is from."""
    return packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]


def ttl(packet: bytes) -> int:
    """TTL, or hop limit."""
    return packet[8] if packet[0] >> 4 == 4 else packet[7]


def age(packet: bytes, hops: int) -> bytes:
    """Let a packet pass `hops` routers, of which it survives all."""
    aged = bytearray(packet)
    if packet[0] >> 4 == 6:
        aged[7] -= hops
        return bytes(aged)
    aged[8] -= hops
    total = struct.unpack_from("!H", packet, 10)[0] + (hops << 8)  # RFC 1624
    total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", aged, 10, total)
    return bytes(aged)


def time_exceeded(packet: bytes, router: bytes) -> bytes | None:
    """The answer of the router at which a packet's TTL ran out; None to an ICMP error, which gets none."""
    if packet[0] >> 4 == 4:
        start = (packet[0] & 0x0F) * 4
        if packet[9] == _ICMP and packet[start] not in (0, 8, 13, 14):
            return None
        quoted = packet[:_QUOTED]
        message = struct.pack("!BBHI", 11, 0, 0, 0) + quoted
        message = _with_checksum(message, 2, b"")
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, _ICMP, 0)
        return _with_checksum(header + router + packet[12:16], 10, b"", 20) + message
    if packet[6] == _ICMP6 and packet[40] < 128:
        return None
    message = struct.pack("!BBHI", 3, 0, 0, 0) + packet[:_QUOTED_6]
    pseudo = router + packet[8:24] + struct.pack("!II", len(message), _ICMP6)
    message = _with_checksum(message, 2, pseudo)
    return struct.pack("!IHBB", 6 << 28, len(message), _ICMP6, 64) + router + packet[8:24] + message


def dissect(time: float, raw: bytes) -> Packet:
    """Take a captured packet apart. What follows an IPv6 extension header or a fragment stays whole."""
    if raw[0] >> 4 == 4:
        start, protocol, hops = (raw[0] & 0x0F) * 4, raw[9], raw[8]
        end = struct.unpack_from("!H", raw, 2)[0]
    else:
        start, protocol, hops = 40, raw[6], raw[7]
        end = 40 + struct.unpack_from("!H", raw, 4)[0]
    here = ipaddress.ip_address(source(raw)).compressed
    there = ipaddress.ip_address(destination(raw)).compressed
    if protocol != TCP or end - start < 20:
        return Packet(time, here, there, hops, protocol, payload=raw[start:end], raw=raw)
    source_port, target_port, sequence, _, offset, flags = struct.unpack_from("!HHIIBB", raw, start)
    data = raw[start + (offset >> 4) * 4 : end]
    return Packet(time, here, there, hops, protocol, source_port, target_port, flags, sequence, data, raw)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_checksum(data: bytes, at: int, pseudo: bytes, covered: int | None = None) -> bytes:
    value = checksum(pseudo + data[:covered])
    return data[:at] + struct.pack("!H", value) + data[at + 2 :]
