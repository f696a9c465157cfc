import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.core.meet.allocation import allocation_of, block_of, predicted
from floater.wire.nat import Allocation, Mapping

TRIALS = 30_000
port_lists = st.lists(st.integers(1, 65_535), max_size=8)


def of_ports(*ports: int) -> Allocation:
    return allocation_of(Mapping.PORT_DEPENDENT, [(50_000 + at, port) for at, port in enumerate(ports)])


@pytest.mark.parametrize("mapping", Mapping)
def test_a_nat_that_keeps_the_local_port_preserves_it(mapping: Mapping) -> None:
    assert allocation_of(mapping, [(50_000, 50_000), (50_000, 50_000), (50_007, 50_007)]) is (
        Allocation.PRESERVED
    )


def test_another_port_that_is_the_same_for_all_is_fixed() -> None:
    seen = [(50_000, 41_000), (50_000, 41_000), (50_007, 31_234)]
    assert allocation_of(Mapping.ENDPOINT_INDEPENDENT, seen) is Allocation.FIXED


@pytest.mark.parametrize("mapping", [Mapping.UNKNOWN, Mapping.ENDPOINT_INDEPENDENT, Mapping.PORT_DEPENDENT])
def test_nothing_seen_tells_nothing(mapping: Mapping) -> None:
    assert allocation_of(mapping, []) is Allocation.UNKNOWN


@pytest.mark.parametrize(
    ("ports", "allocation"),
    [
        ((40_000, 40_001, 40_002, 40_003, 40_004, 40_005), Allocation.SEQUENTIAL),
        ((40_000, 40_001, 40_004, 40_005, 40_017, 40_018), Allocation.SEQUENTIAL),  # others dial out too
        ((40_009, 40_008, 40_005, 40_004, 40_003, 40_002), Allocation.SEQUENTIAL),
        ((41_022, 41_023, 40_000, 40_001, 40_002, 40_003), Allocation.SEQUENTIAL),  # begins anew
        ((65_534, 65_535, 1_024, 1_025, 1_026, 1_028), Allocation.SEQUENTIAL),
        ((30_000, 30_256, 30_512, 31_024, 31_280, 31_536), Allocation.SEQUENTIAL),  # a step of 256
        ((40_000, 40_000, 40_001, 40_001, 40_002, 40_003), Allocation.SEQUENTIAL),  # one for each address
        ((40_205, 40_206, 40_210, 40_207, 40_208, 40_209), Allocation.SEQUENTIAL),  # one overtaken by three
        ((40_005, 40_000, 40_001, 40_002, 40_003, 40_004), Allocation.SEQUENTIAL),  # and by all
        ((40_000, 40_002, 40_001, 40_003), Allocation.BLOCK),  # of so few none may be
        ((41_022, 40_000, 41_023, 40_001, 40_002, 40_003), Allocation.SEQUENTIAL),  # while it began anew
        ((40_009, 40_005, 40_008, 40_004, 40_003, 40_002), Allocation.SEQUENTIAL),
        ((40_002, 40_005, 40_000, 40_003, 40_001, 40_004), Allocation.BLOCK),  # no order at all
        ((40_310, 40_017, 40_501, 40_222, 40_093, 40_430), Allocation.BLOCK),
        ((40_310, 40_017, 42_001, 40_222, 41_093, 40_430), Allocation.BLOCK),
        ((40_310, 2_017, 62_001, 20_222, 41_093, 50_430), Allocation.RANDOM),
        ((40_310, 2_017), Allocation.RANDOM),  # no block is that large
        ((40_310, 40_017, 40_100), Allocation.UNKNOWN),
        ((40_000, 40_001, 40_002), Allocation.UNKNOWN),
        ((40_000,), Allocation.UNKNOWN),
    ],
)
def test_what_a_symmetric_nat_does_is_told_from_its_ports(
    ports: tuple[int, ...], allocation: Allocation
) -> None:
    assert of_ports(*ports) is allocation


DRAWS: dict[str, Callable[[random.Random], int]] = {
    "any": lambda dice: dice.randint(1_024, 65_535),
    "512": lambda dice: 40_000 + dice.randrange(512),
    "1024": lambda dice: 40_000 + dice.randrange(1_024),
    "2048": lambda dice: 40_000 + dice.randrange(2_048),
}


@pytest.mark.search
@pytest.mark.parametrize("flows", [5, 6])
@pytest.mark.parametrize("pool", DRAWS)
def test_chance_looks_like_another_class_less_than_once_in_a_thousand(pool: str, flows: int) -> None:
    dice = random.Random(f"{pool} {flows}")
    found = Counter(of_ports(*(DRAWS[pool](dice) for _ in range(flows))) for _ in range(TRIALS))
    right = Allocation.RANDOM if pool == "any" else Allocation.BLOCK
    print(pool, flows, {allocation.value: count / TRIALS for allocation, count in found.items()})
    assert TRIALS - found[right] < TRIALS / 1_000


def test_a_sequence_is_told_whatever_others_do_meanwhile() -> None:
    dice = random.Random(5)
    wrong = 0
    for _ in range(TRIALS // 10):
        port = dice.randint(1_024, 60_000)
        ports = [port := port + 1 + dice.choice((0, 0, 0, 0, 1, 3)) for _ in range(6)]
        wrong += of_ports(*ports) is not Allocation.SEQUENTIAL
    assert wrong < TRIALS / 10 / 1_000


@pytest.mark.parametrize(
    ("ports", "ahead"),
    [
        ((40_000, 40_001, 40_002, 40_003), (40_004, 40_005, 40_006)),
        ((40_000, 40_002, 40_004, 40_010), (40_012, 40_014, 40_016)),
        ((40_000, 40_001, 40_005, 40_006), (40_007, 40_008, 40_009)),
        ((40_009, 40_008, 40_006), (40_005, 40_004, 40_003)),
        ((41_022, 41_023, 40_000, 40_001), (40_002, 40_003, 40_004)),
        ((40_000, 40_003, 40_001, 40_002), (40_004, 40_005, 40_006)),
        ((41_022, 40_000, 41_023, 40_001), (40_002, 40_003, 40_004)),
        ((65_533, 65_534), (65_535, 1_024, 1_025)),
        ((1_025,), (1_026, 1_027, 1_028)),
        ((), ()),
    ],
)
def test_a_sequence_goes_on_as_it_was(ports: tuple[int, ...], ahead: tuple[int, ...]) -> None:
    assert predicted(ports, 3) == ahead


@pytest.mark.parametrize(
    ("ports", "block"),
    [
        ((40_100, 40_400), range(39_889, 40_612)),
        ((40_000, 40_511), range(40_000, 40_512)),
        ((40_000, 40_512), range(39_489, 41_024)),
        ((40_000, 41_500), range(39_453, 42_048)),
        ((40_000,), range(39_489, 40_512)),
        ((65_500, 65_100), range(64_989, 65_536)),
        ((3,), range(1, 515)),
        ((), range(0)),
    ],
)
def test_a_block_lies_within_what_its_ports_allow(ports: tuple[int, ...], block: range) -> None:
    assert block_of(ports) == block


@given(ports=port_lists.filter(len), count=st.integers(0, 40))
def test_whatever_ports_are_told_what_follows_are_ports(ports: list[int], count: int) -> None:
    ahead = predicted(ports, count)
    assert len(ahead) == count
    assert all(1 <= port <= 65_535 for port in ahead)
    block = block_of(ports)
    assert all(1 <= port <= 65_535 for port in (block[0], block[-1]))
    assert all(port in block for port in ports)


@given(start=st.integers(1_024, 65_024), places=st.lists(st.integers(0, 511), min_size=1, max_size=6))
def test_no_port_of_a_block_of_512_is_left_out(start: int, places: list[int]) -> None:
    found = block_of([start + place for place in places])
    assert set(range(start, start + 512)) <= set(found)
