import itertools
import socket
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.natlab.packets import (
    ACK,
    SYN,
    TCP,
    Endpoint,
    age,
    checksum,
    dissect,
    ends,
    readdress,
    time_exceeded,
)
from tests.natlab.pcap import PcapWriter, read_pcap, streams

HERE, THERE = socket.inet_aton("5.1.0.1"), socket.inet_aton("5.2.0.1")


def packet(payload: bytes, *, sequence: int = 0, flags: int = ACK, ttl: int = 64) -> bytes:
    segment = struct.pack("!HHIIBBHHH", 1000, 2000, sequence, 0, 5 << 4, flags, 1024, 0, 0) + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 7, 0, ttl, TCP, 0) + HERE + THERE
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + segment


@given(st.integers(2, 255), st.data())
def test_a_packet_that_ages_keeps_a_right_checksum(ttl: int, data: st.DataObject) -> None:
    hops = data.draw(st.integers(1, ttl - 1))
    aged = age(packet(b"", ttl=ttl), hops)
    assert aged[8] == ttl - hops
    assert checksum(aged[:20]) == 0


@given(st.binary(max_size=60), *[st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 65535))] * 2)
def test_a_packet_with_other_ends_keeps_right_checksums(
    payload: bytes, source: Endpoint, target: Endpoint
) -> None:
    old = packet(payload)
    pseudo = old[12:20] + struct.pack("!HH", TCP, len(old) - 20)
    old = old[:36] + struct.pack("!H", checksum(pseudo + old[20:])) + old[38:]
    new = readdress(old, source=source, target=target)
    assert ends(new) == (source, target, ACK)
    assert checksum(new[:20]) == 0
    assert checksum(new[12:20] + struct.pack("!HH", TCP, len(new) - 20) + new[20:]) == 0
    assert readdress(new, source=(HERE, 1000), target=(THERE, 2000)) == old


def test_an_expired_packet_is_answered_with_its_own_beginning() -> None:
    old = packet(b"x" * 1000, ttl=3)
    answer = time_exceeded(old, socket.inet_aton("5.255.1.3"))
    assert answer is not None
    assert answer[12:20] == socket.inet_aton("5.255.1.3") + HERE
    assert checksum(answer[:20]) == 0
    assert checksum(answer[20:]) == 0
    assert answer[20:22] == b"\x0b\x00"
    assert old.startswith(answer[28:])
    assert len(answer) == 576
    assert time_exceeded(answer, HERE) is None, "an error is never answered by an error"


def test_an_expired_ipv6_packet_is_answered_too() -> None:
    here, there, router = (bytes([0x2A, 0, 0, end] + [0] * 12) for end in (1, 2, 3))
    old = struct.pack("!IHBB", 6 << 28, 4, TCP, 1) + here + there + b"abcd"
    answer = time_exceeded(old, router)
    assert answer is not None
    assert answer[8:40] == router + here
    pseudo = router + here + struct.pack("!II", len(answer) - 40, 58)
    assert checksum(pseudo + answer[40:]) == 0
    assert time_exceeded(answer, router) is None


def test_a_capture_reads_back_as_it_was_written(tmp_path: Path) -> None:
    writer = PcapWriter(tmp_path / "a.pcap")
    writer.write(1_700_000_000.25, packet(b"hello", sequence=9, flags=SYN, ttl=60))
    writer.close()
    (read,) = read_pcap(tmp_path / "a.pcap")
    assert (read.time, read.source, read.target, read.ttl) == (1_700_000_000.25, "5.1.0.1", "5.2.0.1", 60)
    assert (read.source_port, read.target_port, read.sequence, read.payload) == (1000, 2000, 9, b"hello")
    assert read.is_bare_syn


def test_a_capture_whose_end_is_cut_off_reads_as_far_as_it_goes(tmp_path: Path) -> None:
    writer = PcapWriter(tmp_path / "a.pcap")
    writer.write(1.0, packet(b"one"))
    writer.write(2.0, packet(b"two"))
    writer.close()
    whole = (tmp_path / "a.pcap").read_bytes()
    (tmp_path / "a.pcap").write_bytes(whole[:-1])
    assert [read.payload for read in read_pcap(tmp_path / "a.pcap")] == [b"one"]


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_stream_is_put_together_however_it_was_cut_repeated_and_shuffled(
    sent: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, 2**32 - 1))
    cuts = sorted({0, len(sent), *data.draw(st.lists(st.integers(0, len(sent)), max_size=6))})
    parts = list(itertools.pairwise(cuts))
    parts += data.draw(st.lists(st.sampled_from(parts), max_size=4))
    parts += [(0, len(sent))] if data.draw(st.booleans()) else []
    segments = [
        packet(sent[a:b], sequence=(start + 1 + a) % 2**32) for a, b in data.draw(st.permutations(parts))
    ]
    captured = [dissect(0.0, raw) for raw in [packet(b"", sequence=start, flags=SYN), *segments]]
    assert streams(captured) == {("5.1.0.1", 1000, "5.2.0.1", 2000): [sent]}


def test_a_stream_with_a_hole_stays_in_two() -> None:
    raws = [packet(b"", flags=SYN), packet(b"abc", sequence=1), packet(b"ghi", sequence=7)]
    assert list(streams(dissect(0.0, raw) for raw in raws).values()) == [[b"abc", b"ghi"]]
