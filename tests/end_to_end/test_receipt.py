"""What a receipt says of real networks: one shared by both, one within another, one that lets little out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from floater.core.meet.attempts import RETRIES
from tests.end_to_end.test_nat import opened_ports
from tests.helpers.headless import Person, Server, meet
from tests.natlab.lab import Lab
from tests.natlab.scene import Host

pytestmark = [pytest.mark.natlab, pytest.mark.asyncio]

NO_ROUTER = "It was found within one network, with no router to cross."


@asynccontextmanager
async def two(server: Server, folder: Path, *hosts: Host) -> AsyncIterator[tuple[Person, Person]]:
    """Two people at home, who read English."""
    async with AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(Person(server, folder / host.name, prefix=host.prefix))
            for host in hosts
        ]
        for name, person in zip(("Alice", "Bob"), people, strict=True):
            await person.do("set", language="en")
            await person.sign_up_and_log_in(f"{name.lower()}@example.org", name)
        yield people[0], people[1]


@asynccontextmanager
async def household(folder: Path, *, nested: bool) -> AsyncIterator[tuple[Person, Person]]:
    """Two people beside a server in one network, or one of them in a network within that."""
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(Lab())
        outer = lab.router("APDF", "outer", is_carrier=True)
        at = outer.host("server")
        inner = lab.router("APDF", "inner", under=outer) if nested else outer
        server = await stack.enter_async_context(
            Server(folder / "server", listen=f"{at.address}:4430", prefix=at.prefix)
        )
        hosts = outer.host("alice"), inner.host("bob")
        yield await stack.enter_async_context(two(server, folder, *hosts))


async def receipts(*people: Person) -> list[dict[str, Any]]:
    return [dict(each) for each in await asyncio.gather(*(person.do("receipt") for person in people))]


async def test_two_in_one_network_are_told_that_no_router_was_crossed(tmp_path: Path) -> None:
    async with household(tmp_path, nested=False) as both:
        await meet(*both)
        for told in await receipts(*both):
            assert (told["path"], told["how"]) == ("lan", "private")
            assert told["words"][:2] == ["You are connected directly, within one network.", NO_ROUTER]
            assert not [words for words in told["words"][2:] if "router" in words]


async def test_behind_one_more_router_nobody_is_in_the_same_network(tmp_path: Path) -> None:
    async with household(tmp_path, nested=True) as both:
        await meet(*both)
        for told in await receipts(*both):
            assert told["path"] == "direct"
            assert NO_ROUTER not in told["words"]
            assert [words for words in told["words"] if "router" in words]


async def test_that_the_direct_ways_have_failed_is_told_when_they_have(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(Lab())
        at = lab.host("server")
        hosts = lab.behind("APDF", "alice"), lab.behind("EGRESS", "bob")
        server = await stack.enter_async_context(
            Server(tmp_path / "server", listen=f"{at.address}:443", prefix=at.prefix)
        )
        both = await stack.enter_async_context(two(server, tmp_path, *hosts))
        await asyncio.gather(*(person.do("seek") for person in both))
        for person in both:
            way = await person.event("path")
            assert (way["kind"], way["receipt"]["why_relay"]) == ("relay", "under_way")
            tried = [line["kinds"] for line in person.everything if line.get("event") == "trying"]
            assert tried == [["direct"], ["direct", "relay"]]
        for person in both:
            told = await person.event("receipt")
            assert told["receipt"]["why_relay"] == "failed"
            now = await person.do("receipt")
            assert now["receipt"] == told["receipt"]
            assert "Direct ways were tried, and none came about." in now["words"]


async def test_what_a_router_grants_after_the_press_counts_for_that_match(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(Lab())
        at = lab.host("server", addresses=2)
        hosts = lab.behind("SYM-RAND", "alice"), lab.behind("SYM-RAND", "bob")
        server = await stack.enter_async_context(
            Server(
                tmp_path / "server",
                *("--stun", f"{at.addresses[1]}:3478"),
                listen=f"{at.address}:443",
                prefix=at.prefix,
            )
        )
        alice, bob = await stack.enter_async_context(two(server, tmp_path, *hosts))
        await alice.do("seek")
        lab.routers["alice-router"].offer_mappings()
        await opened_ports(lab.routers["alice-router"], 1)
        await bob.do("seek")
        way = await bob.event("path", kind="direct", how="mapped")
        assert way["took_ms"] < RETRIES[0] * 1_000, "it was not for a port of a later punch"
