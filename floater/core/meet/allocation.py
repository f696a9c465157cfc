"""Which public port comes next: what six observed ports tell of how a NAT gives them out (spec §5.1).

Values, not machines: nothing here waits. The words are those of `floater.wire.nat.Allocation`.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from floater.wire.nat import Allocation, Mapping

LARGEST_BLOCK: Final = 2_048
"Ports in the largest block that carriers give to one subscriber (RFC 6269 §14, RFC 7422 §2)."
USUAL_BLOCK: Final = 512
"Ports in the smallest block that `block_of` reckons with."
MOST_FOREIGN: Final = 16
"Steps of a sequence between two of our flows, our own included: other computers dial out as well."
_ENOUGH: Final = 4
"Different ports from which a sequence or a block may be concluded. With fewer, chance looks like either."
_LAST: Final = 65_535
_FIRST: Final = 1_024
"Where a sequence goes on that has run out of ports."


def allocation_of(mapping: Mapping, seen: Sequence[tuple[int, int]]) -> Allocation:
    """Name the allocation of a NAT.

    Chance may deceive. A NAT that draws any port looks like one with a block
    at six flows twice in 10⁷ cases, at four once in 7,000; a block looks like
    a sequence at six flows about once in 10,000, at four once in 1,800.

    Args:
        mapping: of the same NAT.
        seen: (local port, public port) of each flow, in the order in which
            they were dialled. Few may have overtaken each other since.
    """
    if not seen:
        return Allocation.UNKNOWN
    if all(local == public for local, public in seen):
        return Allocation.PRESERVED
    if mapping is Mapping.ENDPOINT_INDEPENDENT:
        return Allocation.FIXED
    ports = _distinct([public for _, public in seen])
    if mapping in (Mapping.UNKNOWN, Mapping.OPEN) or len(ports) < 2:
        return Allocation.UNKNOWN
    if max(ports) - min(ports) >= LARGEST_BLOCK and not _is_sequence(ports):
        return Allocation.RANDOM
    if len(ports) < _ENOUGH:
        return Allocation.UNKNOWN
    return Allocation.SEQUENTIAL if _is_sequence(ports) else Allocation.BLOCK


def predicted(ports: Sequence[int], count: int) -> tuple[int, ...]:
    """Say which public ports a SEQUENTIAL NAT takes next, the soonest first.

    Args:
        ports: those of its last flows, in the order in which they were dialled.
        count: how many to say.

    Returns:
        `count` ports; none if `ports` is empty. One port alone is taken for
        the beginning of a sequence of step 1.
    """
    if not ports:
        return ()
    found = _ordered(ports)
    step = math.gcd(*found.steps) * found.sign if found.steps else 1
    room = _LAST + 1 - _FIRST
    return tuple((found.last + step * ahead - _FIRST) % room + _FIRST for ahead in range(1, count + 1))


def block_of(ports: Sequence[int]) -> range:
    """Give the range that holds all of a BLOCK NAT's block, wherever in it these ports are.

    For a block of 512 it is `[max - 511, min + 511]`. Ports that are further
    apart tell of a larger one: 1,024 or 2,048 take its place. Empty if
    `ports` is.
    """
    if not ports:
        return range(0)
    low, high = min(ports), max(ports)
    size = USUAL_BLOCK
    while size <= high - low:
        size *= 2
    return range(max(1, high - size + 1), min(_LAST, low + size - 1) + 1)


def _distinct(ports: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(ports))


@dataclass(frozen=True, slots=True)
class _Order:
    """Ports in the order that makes the best sequence of them."""

    sign: int
    last: int
    steps: list[int]
    "From each to the next, without the long one by which a sequence begins anew."
    overtaken: int
    "Pairs of flows that the NAT saw the other way round than they were dialled."


def _ordered(ports: Sequence[int]) -> _Order:
    """Put flows back in order that overtook each other on their way to the NAT.

    They do so within one computer, too: each of its processors has a queue of its own.
    """
    dialled = _distinct(ports)
    rising = sorted(dialled)
    gaps = [after - before for before, after in itertools.pairwise(rising)]
    found = [_order(dialled, rising, gaps, sign) for sign in (1, -1)]
    if len(gaps) > 1 and max(gaps) >= USUAL_BLOCK:
        anew = gaps.index(max(gaps)) + 1
        steps = gaps[: anew - 1] + gaps[anew:]
        found += [_order(dialled, rising[anew:] + rising[:anew], steps, sign) for sign in (1, -1)]
    return min(found, key=lambda one: one.overtaken)


def _order(dialled: list[int], rising: list[int], steps: list[int], sign: int) -> _Order:
    places = {port: at * sign for at, port in enumerate(rising)}
    overtaken = sum(places[before] > places[after] for before, after in itertools.combinations(dialled, 2))
    return _Order(sign, rising[-1 if sign > 0 else 0], steps, overtaken)


def _is_sequence(ports: Sequence[int]) -> bool:
    """Judge by the steps alone, if there are enough of them that some may be out of order."""
    found = _ordered(ports)
    return (
        len(found.steps) >= _ENOUGH - 1
        and max(found.steps) <= MOST_FOREIGN * math.gcd(*found.steps)
        and found.overtaken <= 3 * (len(_distinct(ports)) - _ENOUGH)
    )
