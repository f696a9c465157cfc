"""Frames: however their bytes were split, and however large they claim to be."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import LocalProtocolError, RemoteProtocolError
from floater.wire.frame import PEER_LEG, PREFIX, SERVER_LEG, Frame, FrameLimits, FrameReader, encode_frame

FRAMES = st.lists(st.builds(Frame, st.binary(min_size=1, max_size=200), st.binary(max_size=300)), max_size=6)


@given(frames=FRAMES, data=st.data())
def test_how_the_bytes_were_split_never_matters(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(encode_frame(frame.header, frame.body) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    reader = FrameReader(PEER_LEG)
    came: list[Frame] = []
    for start, end in itertools.pairwise([0, *cuts, len(stream)]):
        came += reader.feed(stream[start:end])
    assert came == frames
    assert reader.pending == 0


@given(frames=FRAMES.filter(bool), data=st.data())
def test_an_unfinished_frame_is_kept_and_nothing_more(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(encode_frame(frame.header, frame.body) for frame in frames)
    cut = data.draw(st.integers(0, len(stream) - 1))
    reader = FrameReader(PEER_LEG)
    whole = reader.feed(stream[:cut])
    assert reader.pending + sum(len(encode_frame(f.header, f.body)) for f in whole) == cut
    assert whole + reader.feed(stream[cut:]) == frames


@pytest.mark.parametrize(
    ("limits", "header", "body"),
    [
        (SERVER_LEG, 16_385, 0),
        (SERVER_LEG, 2, 1),
        (PEER_LEG, 4_097, 0),
        (PEER_LEG, 2, 1_048_577),
        (PEER_LEG, 0xFFFF, 0xFFFF_FFFF),
    ],
)
def test_a_size_is_refused_from_the_prefix_alone(limits: FrameLimits, header: int, body: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        FrameReader(limits).feed(PREFIX.pack(header, body))
    assert caught.value.code is Code.FRAME_TOO_LARGE


def test_the_largest_sizes_are_taken() -> None:
    for limits in (SERVER_LEG, PEER_LEG):
        frame = Frame(b"h" * limits.header, b"b" * limits.body)
        assert FrameReader(limits).feed(encode_frame(frame.header, frame.body)) == [frame]


def test_an_empty_header_is_no_frame() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        FrameReader(PEER_LEG).feed(PREFIX.pack(0, 5))
    assert caught.value.code is Code.BAD_FRAME


def test_a_frame_owns_its_bytes() -> None:
    data = bytearray(encode_frame(b"{}", b"body"))
    (frame,) = FrameReader(PEER_LEG).feed(memoryview(data))
    data[:] = bytes(len(data))
    assert frame == Frame(b"{}", b"body")


def test_our_own_header_must_fit_its_length_field() -> None:
    with pytest.raises(LocalProtocolError):
        encode_frame(b"x" * 0x1_0000)


def test_a_body_may_be_a_view() -> None:
    assert encode_frame(b"{}", memoryview(b"body")) == encode_frame(b"{}", b"body")


CUTS = st.lists(st.sampled_from([1, 3, 100, 4_095, 4_096, 20_000]), min_size=1, max_size=12)


@given(cuts=CUTS, size=st.integers(0, 60_000))
def test_a_large_body_may_come_in_pieces_and_crumbs(cuts: list[int], size: int) -> None:
    frame = Frame(b"{}", (bytes(range(256)) * 240)[:size])
    stream = memoryview(encode_frame(frame.header, frame.body) * 2)
    reader = FrameReader(PEER_LEG)
    came: list[Frame] = []
    for cut in cuts:
        came += reader.feed(stream[:cut])
        stream = stream[cut:]
    came += reader.feed(stream)
    assert came == [frame, frame]


@pytest.mark.parametrize("cut", [1, 3, 5, 6, 7, 8, 9, 10, 13])
def test_a_stream_may_come_in_equal_pieces(cut: int) -> None:
    frames = [Frame(b"{}", b"abc"), Frame(b'{"type":1}'), Frame(b"{}"), Frame(b"{ }", b"x")] * 3
    stream = b"".join(encode_frame(frame.header, frame.body) for frame in frames)
    reader = FrameReader(PEER_LEG)
    came = [frame for at in range(0, len(stream), cut) for frame in reader.feed(stream[at : at + cut])]
    assert came == frames


def test_the_buffer_that_bytes_came_in_may_be_used_again() -> None:
    frames = [Frame(b"{}", bytes(10_000)), Frame(b"{}", b"x" * 10_000)]
    stream = b"".join(encode_frame(frame.header, frame.body) for frame in frames)
    reader = FrameReader(PEER_LEG)
    buffer = bytearray(6_000)
    came: list[Frame] = []
    for at in range(0, len(stream), len(buffer)):
        piece = stream[at : at + len(buffer)]
        buffer[: len(piece)] = piece
        came += reader.feed(memoryview(buffer)[: len(piece)])
        buffer[:] = b"?" * len(buffer)
    assert came == frames


@given(cuts=CUTS, size=st.integers(0, 60_000))
def test_a_body_may_be_read_to_where_it_belongs(cuts: list[int], size: int) -> None:
    frame = Frame(b"{}", (bytes(range(256)) * 240)[:size])
    stream = encode_frame(frame.header, frame.body) * 2
    reader = FrameReader(PEER_LEG)
    buffer = memoryview(bytearray(100))
    came: list[Frame] = []
    at = 0
    for cut in itertools.chain(cuts, itertools.repeat(60_000)):
        room = reader.room or buffer
        piece = stream[at : at + min(cut, len(room))]
        if not piece:
            break
        room[: len(piece)] = piece
        came += reader.feed(room[: len(piece)])
        buffer[:] = b"?" * len(buffer)
        at += len(piece)
    assert came == [frame, frame]
    assert reader.room is None


def test_a_body_that_was_read_to_its_place_is_not_copied() -> None:
    reader = FrameReader(PEER_LEG)
    assert reader.feed(PREFIX.pack(2, 10_000) + b"{}") == []
    assert reader.pending == PREFIX.size + 2
    assert reader.feed(b"x") == []
    room = reader.room
    assert room is not None
    assert len(room) == 9_999
    (frame,) = reader.feed(room)
    assert frame.body is room.obj


@pytest.mark.search
def test_many_crumbs_weigh_little_more_than_their_bytes() -> None:
    reader = FrameReader(PEER_LEG)
    stream = encode_frame(b"{}", bytes(65_536))
    tracemalloc.start()
    for at in range(len(stream) - 1):
        assert reader.feed(stream[at : at + 1]) == []
    assert tracemalloc.get_traced_memory()[0] < 200_000
    tracemalloc.stop()


@pytest.mark.parametrize(("prefix", "code"), [((0, 0), Code.BAD_FRAME), ((2, 1 << 21), Code.FRAME_TOO_LARGE)])
@pytest.mark.parametrize("cut", range(1, 23))
def test_a_bad_prefix_is_judged_when_its_turn_comes(prefix: tuple[int, int], code: Code, cut: int) -> None:
    frames = [Frame(b"{}", b"abc"), Frame(b"{ }")]
    good = b"".join(encode_frame(frame.header, frame.body) for frame in frames)
    stream = good + PREFIX.pack(*prefix) + b"?"
    reader = FrameReader(PEER_LEG)
    came: list[Frame] = []

    def read() -> None:
        for piece in (stream[:cut], stream[cut:]):
            came.extend(reader.feed(piece))
            reader.check()

    with pytest.raises(RemoteProtocolError) as raised:
        read()
    assert came == frames
    assert raised.value.code is code
