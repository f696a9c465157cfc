import asyncio
import threading
import time
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import ServerRefused
from server.config import ServerConfig
from server.services.hashing import Cost, Hasher, cores, cost_of, is_same
from server.services.secret import Secret
from tests.helpers.accounts import ANNA, PASSWORD, cheap

SECRET = Secret(b"s" * 32)


@pytest.mark.asyncio
async def test_the_parameters_are_those_that_are_advised(tmp_path: Path) -> None:
    hasher = Hasher(ServerConfig(data_dir=tmp_path), SECRET)
    encoded = await hasher.hash(ANNA, PASSWORD)
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert cost_of(encoded) == Cost(19_456, 2) == hasher.cost
    await hasher.close()


@pytest.mark.asyncio
async def test_address_password_and_secret_all_matter_and_every_character_of_them(tmp_path: Path) -> None:
    hasher = Hasher(cheap(tmp_path), SECRET)
    other = Hasher(cheap(tmp_path), Secret(b"o" * 32))
    first = await hasher.hash(ANNA, PASSWORD)
    assert is_same(first, await hasher.hash(ANNA, PASSWORD))
    spelled = await hasher.hash(ANNA, "contraseña de Zoë")
    assert is_same(spelled, await hasher.hash(ANNA, "contrasen\u0303a\u00a0de Zoe\u0308"))
    for changed in (
        await hasher.hash("bert@example.org", PASSWORD),
        await hasher.hash(ANNA, PASSWORD + " "),
        await hasher.hash(ANNA, PASSWORD.upper()),
        await hasher.hash(ANNA, PASSWORD + "\0"),
        await hasher.hash(ANNA, "\ud800"),
        await other.hash(ANNA, PASSWORD),
    ):
        assert not is_same(first, changed)
        assert first.split("$")[-1] != changed.split("$")[-1]
    await hasher.close()
    await other.close()


@pytest.mark.asyncio
async def test_exactly_as_many_threads_as_cores_hash_and_the_loop_goes_on(tmp_path: Path) -> None:
    hasher = Hasher(cheap(tmp_path, hash_memory=8_192, hash_passes=2, hash_queue=100), SECRET)
    work = asyncio.gather(*(hasher.hash(ANNA, f"{PASSWORD} {n}") for n in range(20)))
    turns, most = 0, 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
        most = max(most, sum(thread.name.startswith("hashing") for thread in threading.enumerate()))
    await work
    assert most == cores()
    assert turns > 100
    await hasher.close()


@pytest.mark.asyncio
async def test_what_does_not_fit_into_the_queue_is_told_to_come_again(tmp_path: Path) -> None:
    hasher = Hasher(cheap(tmp_path, hash_memory=8_192, hash_passes=2, hash_threads=1, hash_queue=2), SECRET)
    results = await asyncio.gather(
        *(hasher.hash(ANNA, f"{PASSWORD} {n}") for n in range(10)), return_exceptions=True
    )
    done = [result for result in results if isinstance(result, str)]
    busy = [result for result in results if isinstance(result, ServerRefused)]
    assert (len(done), len(busy)) == (3, 7)
    assert all(error.code is Code.BUSY and error.retry_after > 0 for error in busy)
    assert is_same(await hasher.hash(ANNA, f"{PASSWORD} 0"), done[0])
    await hasher.close()


@pytest.mark.asyncio
async def test_a_known_device_finds_a_place_in_a_queue_that_others_fill(tmp_path: Path) -> None:
    hasher = Hasher(cheap(tmp_path, hash_memory=8_192, hash_passes=2, hash_threads=1, hash_queue=2), SECRET)
    others = [hasher.hash(ANNA, f"{PASSWORD} {n}", source=f"203.0.{n}.7") for n in range(10)]
    unknown = hasher.hash_each(ANNA, PASSWORD, source="198.51.100.7")
    known = hasher.hash_each(ANNA, PASSWORD, source="198.51.100.7", is_known=True)
    *_, refused, let_in = await asyncio.gather(*others, unknown, known, return_exceptions=True)
    assert isinstance(refused, ServerRefused)
    assert isinstance(let_in, dict)
    await hasher.close()


@pytest.mark.asyncio
async def test_a_password_that_waits_too_long_is_told_to_come_again_and_is_not_hashed(tmp_path: Path) -> None:
    hasher = Hasher(
        cheap(tmp_path, hash_memory=65_536, hash_passes=10, hash_threads=1, hash_deadline=0.01), SECRET
    )
    began = time.monotonic()
    results = await asyncio.gather(*(hasher.hash(ANNA, PASSWORD) for _ in range(50)), return_exceptions=True)
    assert all(isinstance(error, ServerRefused) and error.code is Code.BUSY for error in results)
    assert time.monotonic() - began < 5.0
    await hasher.close()


@pytest.mark.asyncio
async def test_a_place_is_free_again_when_the_asker_goes_away(tmp_path: Path) -> None:
    hasher = Hasher(cheap(tmp_path, hash_threads=1, hash_queue=1), SECRET)
    for _ in range(20):
        tasks = [asyncio.ensure_future(hasher.hash(ANNA, PASSWORD)) for _ in range(2)]  # noqa: TID251
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(30):
            while hasher.taken:
                await asyncio.sleep(0.001)
    await hasher.hash(ANNA, PASSWORD)
    await hasher.close()


@pytest.mark.asyncio
async def test_a_flood_of_one_site_leaves_others_their_turns(tmp_path: Path) -> None:
    hasher = Hasher(cheap(tmp_path, hash_memory=8_192, hash_passes=2, hash_threads=1, hash_queue=16), SECRET)
    order: list[str] = []

    async def ask(source: str, name: str) -> None:
        await hasher.hash(ANNA, PASSWORD, source=source)
        order.append(name)

    flood = [ask(f"2001:db8:1:{number:x}::1", "flood") for number in range(200)]
    honest = [ask(f"198.51.{number}.7", "honest") for number in range(5)]
    results = await asyncio.gather(*flood, *honest, return_exceptions=True)
    assert results[-5:] == [None] * 5
    assert order.count("flood") <= 10
    assert "honest" in order[:3]
    await hasher.close()
