"""Which public port comes next: what six observed ports tell of how a NAT gives them out (spec §5.1).

Values, not machines: nothing here waits. The words are those of `floater.wire.nat.Allocation`.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Final

from floater.wire.nat import Allocation, Mapping

LARGEST_BLOCK: Final = 2_048
"Ports in the largest block that carriers give to one subscriber (RFC 6269 §14, RFC 7422 §2)."
USUAL_BLOCK: Final = 512
"Ports in the smallest block that `block_of` reckons with."
MOST_FOREIGN: Final = 16
"Steps of a sequence between two of our flows, the last of which is ours: others dial out as well."
_ENOUGH: Final = 4
"Different ports from which a sequence or a block may be concluded. With fewer, chance looks like either."
_LAST: Final = 65_535
_FIRST: Final = 1_024
"Where a sequence goes on that has run out of ports."


def allocation_of(mapping: Mapping, seen: Sequence[tuple[int, int]]) -> Allocation:
    """Name the allocation of a NAT.

    Chance may deceive. A NAT that draws any port looks like one with a block
    at six flows twice in 10⁷ cases, at four once in 7,000; a block looks like
    a sequence at six flows about once in 10⁵, at four once in 1,600.

    Args:
        mapping: of the same NAT.
        seen: (local port, public port) of each flow, in the order in which
            they were dialled.
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
    steps = _steps(_distinct(ports)) or [1]
    step = math.gcd(*steps) * (1 if sum(1 if step > 0 else -1 for step in steps) >= 0 else -1)
    room = _LAST + 1 - _FIRST
    return tuple((ports[-1] + step * ahead - _FIRST) % room + _FIRST for ahead in range(1, count + 1))


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


def _steps(ports: Sequence[int]) -> list[int]:
    """List the steps from port to port, without the one long step back by which a sequence begins anew."""
    steps = [after - before for before, after in itertools.pairwise(ports)]
    for sign in (1, -1):
        against = [step for step in steps if step * sign < 0]
        if len(against) == 1 < len(steps) and abs(against[0]) >= USUAL_BLOCK:
            steps.remove(against[0])
            break
    return steps


def _is_sequence(ports: Sequence[int]) -> bool:
    steps = _steps(ports)
    return (
        len(steps) >= _ENOUGH - 1
        and len({step > 0 for step in steps}) == 1
        and max(map(abs, steps)) <= MOST_FOREIGN * math.gcd(*steps)
    )
