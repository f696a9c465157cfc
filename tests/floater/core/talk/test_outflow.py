import contextlib
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater.codes import Code
from floater.core.talk.inflow import MAX_WINDOW
from floater.core.talk.outflow import FIRST_PART, MIN_PART, READ_AHEAD, REREAD, RETURN_COST, Outflow
from floater.core.talk.transfer import BLOCK, BlockRead, ReadBlock
from floater.errors import RemoteProtocolError
from floater.wire.limits import MAX_PART

SIZE = 5 * BLOCK + 10


def block(first: int, size: int = BLOCK, digest: bytes = b"") -> BlockRead:
    return BlockRead(1, first, bytes(size), digest)


def wished(size: int = SIZE, last: int = SIZE - 1) -> Outflow:
    flow = Outflow(1, size)
    flow.wish(0, last, now=0.0)
    return flow


def test_blocks_are_read_ahead() -> None:
    flow = Outflow(1, SIZE)
    assert flow.wish(0, 0, now=0.0) == [ReadBlock(1, at * BLOCK, BLOCK) for at in range(READ_AHEAD // BLOCK)]
    assert flow.order() == []
    small = Outflow(2, 10)
    assert small.wish(0, 9, now=0.0) == [ReadBlock(2, 0, 10)]


def test_parts_are_cut_as_far_as_wished() -> None:
    flow = wished(last=FIRST_PART + 9)
    ready = [flow.is_ready]
    flow.take(block(0))
    ready.append(flow.is_ready)
    assert [flow.cut()[0], len(flow.cut()[1])] == [0, 10]
    ready.append(flow.is_ready)
    assert ready == [False, True, False]
    assert flow.place == FIRST_PART + 10


def test_a_part_ends_with_its_block_and_the_file_with_its_last() -> None:
    flow = wished(BLOCK + 10, BLOCK + 9)
    flow.part = BLOCK
    flow.take(block(0))
    flow.take(block(BLOCK, 10, b"digest"))
    assert flow.digest == b"digest"
    parts = [flow.cut(), flow.cut()]
    assert [(first, len(body)) for first, body in parts] == [(0, BLOCK), (BLOCK, 10)]
    assert flow.is_whole


def test_an_empty_file_has_a_digest_too() -> None:
    flow = Outflow(1, 0)
    assert flow.take(block(0, 0, b"digest"))
    assert flow.digest == b"digest"
    assert not flow.is_ready


@pytest.mark.parametrize(("first", "last"), [(0, SIZE), (5, 4), (SIZE, SIZE), (FIRST_PART + 1, SIZE - 1)])
def test_a_wish_for_what_cannot_be_had_is_a_fault(first: int, last: int) -> None:
    flow = wished(last=2 * FIRST_PART - 1)
    flow.take(block(0))
    flow.cut()
    with pytest.raises(RemoteProtocolError) as raised:
        flow.wish(first, last, now=1.0)
    assert raised.value.code is Code.UNEXPECTED


def test_the_receiver_may_go_back_and_what_was_read_before_is_of_no_use() -> None:
    flow = wished()
    flow.take(block(0))
    flow.cut()
    flow.start_anew()
    assert flow.wish(100, SIZE - 1, now=1.0) == []  # two blocks are still being read
    assert not flow.take(block(BLOCK))
    assert flow.order() == []
    assert not flow.take(block(2 * BLOCK))
    assert flow.order()[0] == ReadBlock(1, 100, BLOCK)
    assert not flow.is_ready
    assert flow.take(block(100))
    assert flow.cut()[0] == 100


def test_a_receiver_that_goes_back_again_and_again_misbehaves_even_if_nothing_is_read_for_it() -> None:
    flow = wished(10, 9)
    for _ in range(REREAD // RETURN_COST):
        flow.wish(0, 0, now=0.0)
        flow.granted = 9
    with pytest.raises(RemoteProtocolError) as raised:
        flow.wish(0, 0, now=0.0)
    assert raised.value.code is Code.UNEXPECTED


def test_each_new_link_may_resume_a_whole_window_back() -> None:
    size = 64 * BLOCK
    flow = Outflow(1, size, part=MAX_PART)
    flow.wish(0, size - 1, now=0.0)
    for _ in range(3):
        while flow.place < MAX_WINDOW:
            while flow.out:
                flow.take(block(0))
            flow.cut()
            flow.order()
        flow.start_anew()
        flow.wish(0, size - 1, now=0.0)
        while flow.useless:
            flow.take(block(0))
        assert flow.order()[0] == ReadBlock(1, 0, BLOCK)
        flow.part = MAX_PART


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.integers(0, 80)), max_size=400))
def test_no_sequence_of_gets_makes_us_read_much_more_than_the_file(
    steps: list[tuple[float, int, int]],
) -> None:
    size, read = 64 * BLOCK, 0
    flow, due = Outflow(1, size, part=MAX_PART), deque[ReadBlock]()

    def note(orders: list[ReadBlock]) -> None:
        nonlocal read
        read += sum(order.size for order in orders)
        due.extend(orders)

    data = bytes(BLOCK)
    with contextlib.suppress(RemoteProtocolError):
        for part, deliver, cuts in [(0.0, 0, 0), *steps]:
            note(flow.wish(int(part * flow.furthest), size - 1, now=0.0))
            for _ in range(min(deliver, len(due))):
                order = due.popleft()
                if not flow.take(BlockRead(1, order.first, data[: order.size], b"")):
                    note(flow.order())
            for _ in range(cuts):
                if not flow.is_ready:
                    break
                flow.cut()
                note(flow.order())
    assert read <= 1.1 * size


def test_after_a_change_of_links_nothing_is_wished() -> None:
    flow = wished()
    flow.take(block(0))
    flow.start_anew()
    assert not flow.is_ready


def test_parts_follow_the_pace_of_the_receiver() -> None:
    flow = wished(1 << 30, 99_999)
    flow.wish(100_000, 199_999, now=0.005)
    assert flow.part == FIRST_PART  # too short to tell
    flow.wish(200_000, 4_099_999, now=1.0)
    assert flow.part == 40_000
    flow.wish(4_100_000, 4_100_000 + 9, now=2.0)
    assert flow.part == MIN_PART
    flow.wish(4_100_010, 900_000_000, now=2.001)
    assert flow.part == MAX_PART
    flow.start_anew()
    assert flow.part == FIRST_PART


def test_a_receiver_that_goes_back_says_nothing_of_the_pace() -> None:
    flow = wished(1 << 30, 99_999)
    flow.wish(100_000, 199_999, now=1.0)
    part = flow.part
    flow.wish(0, 99_999, now=2.0)
    assert flow.part == part
