"""Captures: written by the wire in the classic pcap format, read back and put together by tests."""

import struct
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from tests.natlab.packets import SYN, TCP, Packet, dissect

_FILE: Final = struct.Struct("<IHHiIII")
_RECORD: Final = struct.Struct("<IIII")
_MAGIC: Final = 0xA1B2_3C4D  # times in nanoseconds
_RAW: Final = 101  # LINKTYPE_RAW: each packet begins with its IP header

Flow: TypeAlias = tuple[str, int, str, int]
"Source address and port, target address and port."


class PcapWriter:
    """Writes packets with their times. Any pcap program reads the result."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.write(_FILE.pack(_MAGIC, 2, 4, 0, 0, 65535, _RAW))

    def write(self, time: float, packet: bytes) -> None:
        """Add one packet; `time` is seconds since 1970."""
        seconds = int(time)
        self._file.write(_RECORD.pack(seconds, int((time - seconds) * 1e9), len(packet), len(packet)))
        self._file.write(packet)

    def flush(self) -> None:
        """Make all that was written visible to a reader."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def read_pcap(path: Path) -> list[Packet]:
    """Read a capture. A last record that is cut off is left out."""
    data = path.read_bytes()
    magic, *_, link_type = _FILE.unpack_from(data)
    if magic != _MAGIC or link_type != _RAW:
        raise ValueError(f"{path} is no capture of the laboratory")
    packets = []
    at = _FILE.size
    while at + _RECORD.size <= len(data):
        seconds, nanoseconds, size, _ = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + size > len(data):
            break
        packets.append(dissect(seconds + nanoseconds / 1e9, data[at : at + size]))
        at += size
    return packets


def streams(packets: Iterable[Packet]) -> dict[Flow, list[bytes]]:
    """Put the TCP payloads back together, for each direction of each connection.

    Several connections may use the same flow one after the other; each SYN
    with a new number begins a new entry. Where bytes are missing from the
    capture, the stream is broken into its runs, so that no search joins what
    was not joined.
    """
    connections: dict[Flow, dict[int, dict[int, bytes]]] = defaultdict(dict)
    current: dict[Flow, int] = {}
    for packet in packets:
        if packet.protocol != TCP:
            continue
        flow = (packet.source, packet.source_port, packet.target, packet.target_port)
        if packet.flags & SYN:
            current[flow] = (packet.sequence + 1) & 0xFFFF_FFFF
        elif flow not in current:
            current[flow] = packet.sequence
        parts = connections[flow].setdefault(current[flow], {})
        if packet.payload:
            offset = (packet.sequence + bool(packet.flags & SYN) - current[flow]) & 0xFFFF_FFFF
            if len(packet.payload) > len(parts.get(offset, b"")):
                parts[offset] = packet.payload
    return {
        flow: [run for parts in starts.values() for run in _runs(parts)]
        for flow, starts in connections.items()
    }


def _runs(parts: dict[int, bytes]) -> list[bytes]:
    runs: list[bytearray] = []
    end = -1
    for offset, data in sorted(parts.items()):
        if offset > end or not runs:
            runs.append(bytearray(data))
        else:
            runs[-1] += data[max(0, end - offset) :]
        end = max(end, offset + len(data))
    return [bytes(run) for run in runs]
