"""IP packets as the wire needs them: read and change a few fields, count the TTL down, make answers."""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

Endpoint: TypeAlias = tuple[bytes, int]
"Packed address and port."

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
        if packet[9] == _ICMP and packet[_start(packet)] not in (0, 8, 13, 14):
            return None
        return _icmp(packet, router, 11, 0)
    if packet[6] == _ICMP6 and packet[40] < 128:
        return None
    message = struct.pack("!BBHI", 3, 0, 0, 0) + packet[:_QUOTED_6]
    pseudo = router + packet[8:24] + struct.pack("!II", len(message), _ICMP6)
    message = _with_checksum(message, 2, pseudo)
    return struct.pack("!IHBB", 6 << 28, len(message), _ICMP6, 64) + router + packet[8:24] + message


# -- TCP over IPv4, for who translates it -------------------------------------------------


def protocol(packet: bytes) -> int:
    """The protocol of an IPv4 packet that is whole; 0 for a fragment."""
    return 0 if struct.unpack_from("!H", packet, 6)[0] & 0x3FFF else packet[9]


def ends(packet: bytes) -> tuple[Endpoint, Endpoint, int]:
    """Source, target and flags of a TCP packet. Of one cut off after its ports, the flags are 0."""
    start = _start(packet)
    source_port, target_port = struct.unpack_from("!HH", packet, start)
    flags = packet[start + 13] if len(packet) > start + 13 else 0
    return (packet[12:16], source_port), (packet[16:20], target_port), flags


def readdress(packet: bytes, *, source: Endpoint | None = None, target: Endpoint | None = None) -> bytes:
    """Give a TCP packet another source or target. Checksums are corrected, not computed anew (RFC 1624)."""
    changed = bytearray(packet)
    start = _start(packet)
    for end, at, port_at in ((source, 12, start), (target, 16, start + 2)):
        if end is None:
            continue
        address, port = end[0], struct.pack("!H", end[1])
        old_address, old_port = packet[at : at + 4], packet[port_at : port_at + 2]
        changed[at : at + 4] = address
        changed[port_at : port_at + 2] = port
        _correct(changed, 10, old_address, address)
        if len(packet) >= start + 18:  # what an ICMP error quotes may end before it
            _correct(changed, start + 16, old_address + old_port, address + port)
    return bytes(changed)


def reset(packet: bytes) -> bytes:
    """The answer to a SYN where nobody listens (RFC 9293 §3.10.7.1)."""
    (here, port), (there, other_port), _ = ends(packet)
    acknowledged = (struct.unpack_from("!I", packet, _start(packet) + 4)[0] + 1) & 0xFFFF_FFFF
    segment = struct.pack("!HHIIBBHHH", other_port, port, 0, acknowledged, 5 << 4, RST | ACK, 0, 0, 0)
    pseudo = there + here + struct.pack("!HH", TCP, len(segment))
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, TCP, 0)
    return _with_checksum(header + there + here, 10, b"") + _with_checksum(segment, 16, pseudo)


def unreachable(packet: bytes, router: bytes, code: int) -> bytes:
    """The answer of a router that delivers a packet nowhere; the code is that of ICMP (RFC 792)."""
    return _icmp(packet, router, 3, code)


def complaint(packet: bytes) -> bytes | None:
    """What an ICMP error quotes, if that is TCP with its ports."""
    start = _start(packet)
    if protocol(packet) != _ICMP or packet[start] not in (3, 11):
        return None
    about = packet[start + 8 :]
    if len(about) < 24 or about[0] >> 4 != 4 or protocol(about) != TCP or len(about) < _start(about) + 4:
        return None
    return about


def readdress_complaint(packet: bytes, inside: Endpoint) -> bytes:
    """Send an ICMP error to whom the packet it quotes came from before it was translated (RFC 5508 §4.2)."""
    start = _start(packet)
    about = readdress(packet[start + 8 :], source=inside)
    message = _with_checksum(
        packet[start : start + 2] + bytes(2) + packet[start + 4 : start + 8] + about, 2, b""
    )
    header = bytearray(packet[:start])
    header[16:20] = inside[0]
    _correct(header, 10, packet[16:20], inside[0])
    return bytes(header) + message


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


def _start(packet: bytes) -> int:
    """Where what an IPv4 packet carries begins."""
    return (packet[0] & 0x0F) * 4


def _icmp(packet: bytes, router: bytes, kind: int, code: int) -> bytes:
    message = _with_checksum(struct.pack("!BBHI", kind, code, 0, 0) + packet[:_QUOTED], 2, b"")
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, _ICMP, 0)
    return _with_checksum(header + router + packet[12:16], 10, b"") + message


def _correct(packet: bytearray, at: int, old: bytes, new: bytes) -> None:
    """Correct a checksum for bytes that it covers and that changed (RFC 1624 §3)."""
    words = len(old) // 2
    total: int = ~struct.unpack_from("!H", packet, at)[0] & 0xFFFF
    total += sum(~word & 0xFFFF for word in struct.unpack(f"!{words}H", old))
    total += sum(struct.unpack(f"!{words}H", new))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", packet, at, ~total & 0xFFFF)


def _with_checksum(data: bytes, at: int, pseudo: bytes) -> bytes:
    value = checksum(pseudo + data)
    return data[:at] + struct.pack("!H", value) + data[at + 2 :]
