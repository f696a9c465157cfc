"""What a talk survives: a cable that is out, another address, a way that closes, all in the middle of a file.

A round trip takes 80 ms. The figures are those of `python -m benchmarks.handover`; here is asserted what no
busy machine spoils: nothing lost, doubled or out of order, and a bound on the time that leaves it room.
"""

from pathlib import Path
from typing import Final

import pytest

from floater.core.meet.network import SLEPT
from floater.core.talk.liveness import SUSPECT_AFTER
from tests.helpers.handover import (
    Outcome,
    Talk,
    block,
    close_way,
    move,
    pull,
    readdress,
    stand_still,
    talking,
)
from tests.helpers.headless import events

pytestmark = [pytest.mark.natlab, pytest.mark.asyncio]

FILE: Final = 6_000_000
RATE: Final = 2_000_000.0
"Bytes a second, so that the file has a middle."
BACK: Final = 3.0
ASLEEP: Final = SLEPT + 2.0


def is_whole(outcome: Outcome, within: float = BACK) -> None:
    print(outcome)
    assert (outcome.lost, outcome.doubled) == (0, 0)
    assert outcome.in_order
    assert outcome.files_equal
    assert outcome.back.words <= within


async def half(talk: Talk) -> str:
    """A file that is under way."""
    talk.lab.change("alice", rate=RATE)
    transfer = await talk.offer(FILE)
    await talk.progress(transfer, FILE // 4)
    return transfer


async def test_a_cable_that_is_put_back(tmp_path: Path) -> None:
    async with talking(tmp_path, ("APDF", "APDF")) as talk:
        transfer = await half(talk)
        is_whole(await talk.outcome(await pull(talk), transfer))


async def test_another_address(tmp_path: Path) -> None:
    async with talking(tmp_path, ("APDF", "APDF")) as talk:
        transfer = await half(talk)
        is_whole(await talk.outcome(await readdress(talk), transfer))
        await talk.path("direct")


async def test_another_router(tmp_path: Path) -> None:
    async with talking(tmp_path, ("APDF", "APDF")) as talk:
        transfer = await half(talk)
        is_whole(await talk.outcome(await move(talk), transfer))
        await talk.path("direct")


@pytest.mark.parametrize("elsewhere", [False, True], ids=["as it was", "at another address"])
async def test_a_sleep_from_which_it_wakes(tmp_path: Path, elsewhere: bool) -> None:
    async with talking(tmp_path, ("APDF", "APDF")) as talk:
        transfer = await half(talk)
        is_whole(await talk.outcome(await stand_still(talk, ASLEEP, elsewhere=elsewhere), transfer))
        await talk.path("direct")


async def test_another_address_of_somebody_who_hides_theirs(tmp_path: Path) -> None:
    async with talking(tmp_path, ("APDF", "APDF"), hide=True) as talk:
        transfer = await half(talk)
        is_whole(await talk.outcome(await readdress(talk), transfer))
        assert {line["kind"] for person in talk.both for line in events(person, "path")} == {"relay"}


async def test_a_direct_way_that_closes_and_opens_again(tmp_path: Path) -> None:
    async with talking(tmp_path, ("APDF", "APDF")) as talk:
        transfer = await half(talk)
        back = await close_way(talk)
        block(talk, blocked=False)
        is_whole(await talk.outcome(back, transfer), within=SUSPECT_AFTER + BACK)
        await talk.path("direct")


@pytest.mark.parametrize("office", [False, True], ids=["443 only", "proxy only"])
async def test_a_network_that_lets_little_out(tmp_path: Path, office: bool) -> None:
    async with talking(tmp_path, ("EGRESS", "EGRESS"), office=office) as talk:
        assert {line["kind"] for person in talk.both for line in events(person, "path")} == {"relay"}
        transfer = await half(talk)
        is_whole(await talk.outcome(await pull(talk), transfer))
        hows = [line["how"] for line in events(talk.alice, "path")]
        assert set(hows) == {"relay-tls"} if office else hows[0] == "relay"
