"""Two people in a talk whose network breaks and comes back, and what became of what they said meanwhile."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.helpers.at_home import two_at_home
from tests.helpers.digests import told_digest
from tests.helpers.headless import Line, Person, Server, events, greet, meet
from tests.helpers.proxy import real_proxy
from tests.natlab.lab import Lab
from tests.natlab.scene import Host

RTT: Final = 0.08
WORDS: Final = 5
"Texts that each says while the network is away."


@dataclass(frozen=True, slots=True)
class Back:
    """How long it took, from the network being whole again; for a way that stays closed, from its closing."""

    path: float
    "Seconds until both were told of a path."
    words: float
    "Seconds until each knew that the first word that it said meanwhile was delivered."


@dataclass
class Outcome:
    """What a change of the network cost."""

    back: Back
    paths: tuple[list[str], list[str]]
    lost: int
    doubled: int
    in_order: bool
    files_equal: bool


@dataclass
class Talk:
    """Two people, the server, and what was said."""

    lab: Lab
    server: Server
    server_host: Host
    alice: Person
    bob: Person
    folder: Path
    said: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def both(self) -> tuple[Person, Person]:
        """Alice, then Bob."""
        return self.alice, self.bob

    async def say(self, sender: Person) -> str:
        """Say one more text and return its `message_id`."""
        before = self.said.setdefault(sender.data_dir.name, [])
        text = f"{sender.data_dir.name} says {len(before) + 1}"
        message = str((await sender.do("send_text", text=text))["message_id"])
        before.append((message, text))
        return message

    async def say_meanwhile(self) -> tuple[str, str]:
        """Let each say some, whatever comes through; the first message of each."""
        firsts = [(await asyncio.gather(self.say(self.alice), self.say(self.bob))) for _ in range(WORDS)]
        return firsts[0][0], firsts[0][1]

    async def back(self, messages: tuple[str, str], since: float) -> Back:
        """Wait until there is a path again, and both messages are delivered."""

        async def path() -> float:
            for person in self.both:
                await person.event("path", within=40)
            return time.monotonic() - since

        async def words() -> float:
            for person, message in zip(self.both, messages, strict=True):
                await person.event("delivered", message_id=message, within=40)
            return time.monotonic() - since

        on_a_path, understood = await asyncio.gather(path(), words())
        return Back(on_a_path, understood)

    async def offer(self, size: int) -> str:
        """Let Alice send Bob a file of random bytes; the transfer, which Bob has accepted."""
        path = self.folder / f"{size}-of-noise.bin"
        path.write_bytes(os.urandom(size))
        await self.alice.do("send_file", path=str(path))
        transfer = str((await self.bob.event("offer"))["transfer_id"])
        await self.bob.do("accept", transfer_id=transfer, to=str(self.bob.data_dir))
        return transfer

    async def progress(self, transfer: str, at_least: int) -> None:
        """Wait until so many bytes of a file are there."""

        def found() -> Line | None:
            return next(
                (
                    line
                    for line in reversed(events(self.bob, "progress"))
                    if line["transfer_id"] == transfer and line["bytes"] >= at_least
                ),
                None,
            )

        await self.bob.until(found, f"{at_least} bytes", within=60)
        for person in self.both:  # a path from now on is news
            person.unseen[:] = [event for event in person.unseen if event["event"] != "path"]

    async def path(self, *kinds: str, within: float = 40) -> None:
        """Wait until both talk over a path of one of these kinds."""
        for person in self.both:
            await person.until(_on(person, kinds), f"path {kinds}", within)

    async def outcome(self, back: Back, transfer: str, *, within: float = 60) -> Outcome:
        """Wait until the file and everything said has arrived, and look what became of it."""
        received = await self.bob.event("received", transfer_id=transfer, within=within)
        await self.alice.event("sent", transfer_id=transfer, within=within)
        heard = {}
        for sender, receiver in ((self.alice, self.bob), (self.bob, self.alice)):
            last = self.said[sender.data_dir.name][-1][0]
            await sender.until(_has(sender, "delivered", "message_id", last), f"delivery of {last}")
            heard[sender.data_dir.name] = [str(line["text"]) for line in events(receiver, "text")]
        said = {name: [text for _, text in messages] for name, messages in self.said.items()}
        source = next(self.folder.glob("*-of-noise.bin"))
        content = source.read_bytes()
        equal = Path(received["path"]).read_bytes() == content and received["digest"] == told_digest(content)
        return Outcome(
            back,
            (_kinds(self.alice), _kinds(self.bob)),
            lost=sum(len(set(said[name]) - set(heard[name])) for name in said),
            doubled=sum(len(heard[name]) - len(set(heard[name])) for name in said),
            in_order=all(heard[name] == said[name] for name in said),
            files_equal=equal and len(events(self.bob, "received")) == 1,
        )


@asynccontextmanager
async def talking(
    folder: Path, kinds: tuple[str, str], *, hide: bool = False, office: bool = False
) -> AsyncIterator[Talk]:
    """Let two people behind NATs of these kinds meet and greet.

    Args:
        folder: for everything.
        kinds: of Alice's and of Bob's NAT.
        hide: whether Alice hides her address.
        office: whether nothing leads out of Alice's network but an HTTP proxy that wants a password.
    """
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(Lab(rtt=RTT))
        server_host = lab.host("server", addresses=2)
        hosts = lab.behind(kinds[0], "alice"), lab.behind(kinds[1], "bob")
        way_out = {"HTTPS_PROXY": await stack.enter_async_context(_proxy(lab, folder))} if office else {}
        server, alice, bob = await stack.enter_async_context(
            two_at_home(folder, server_host, hosts, (way_out, {}), hide=hide)
        )
        await meet(alice, bob)
        await greet(alice, bob)
        yield Talk(lab, server, server_host, alice, bob, folder)


@asynccontextmanager
async def _proxy(lab: Lab, folder: Path) -> AsyncIterator[str]:
    """Put a proxy into Alice's network, take her own way out from her, and name the proxy."""
    host = lab.routers["alice-router"].host("proxy")
    lab.hosts["alice"].namespace.ip("route delete default")
    async with real_proxy(
        folder, ports=(443,), login="alice:s3cret", listen=f"{host.address}:3128", prefix=host.prefix
    ) as place:
        yield f"http://alice:s3cret@{place}"


async def pull(talk: Talk, seconds: float = 0.0) -> Back:
    """Pull Alice's cable for so long, at least until both know it, and put it back."""
    talk.lab.cut("alice")
    cut = time.monotonic()
    first = await talk.say_meanwhile()
    await asyncio.gather(*(person.event("peer_away", within=20) for person in talk.both))
    await asyncio.sleep(max(0.0, cut + seconds - time.monotonic()))
    talk.lab.heal("alice")
    return await talk.back(first, time.monotonic())


async def readdress(talk: Talk) -> Back:
    """Take Alice's address and give her another one behind the same router."""
    talk.lab.unplug("alice")
    first = await talk.say_meanwhile()
    talk.lab.move("alice")
    return await talk.back(first, time.monotonic())


async def move(talk: Talk) -> Back:
    """Plug Bob in behind another router."""
    elsewhere = talk.lab.router("APDF", "elsewhere")
    talk.lab.move("bob", elsewhere)
    since = time.monotonic()
    return await talk.back(await talk.say_meanwhile(), since)


async def stand_still(talk: Talk, seconds: float, *, elsewhere: bool = False) -> Back:
    """Let Alice's program stand still, as all of a computer that sleeps; it may wake at another address."""
    first = await talk.say_meanwhile()
    talk.alice.process.send_signal(signal.SIGSTOP)
    if elsewhere:
        talk.lab.unplug("alice")
    await asyncio.sleep(seconds)
    if elsewhere:
        talk.lab.move("alice")
    talk.alice.process.send_signal(signal.SIGCONT)
    return await talk.back(first, time.monotonic())


def block(talk: Talk, *, blocked: bool = True) -> None:
    """Close, or open, the way between the two, while both reach the server."""
    for one, other in (("alice", "bob"), ("bob", "alice")):
        talk.lab.block(one, other, blocked=blocked)


async def close_way(talk: Talk) -> Back:
    """Close the way between the two; both go on over the relay."""
    block(talk)
    since = time.monotonic()
    back = await talk.back(await talk.say_meanwhile(), since)
    await talk.path("relay")
    return back


def _has(person: Person, name: str, field: str, value: str) -> Callable[[], Line | None]:
    return lambda: next((line for line in events(person, name) if line[field] == value), None)


def _on(person: Person, kinds: tuple[str, ...]) -> Callable[[], Line | None]:
    return lambda: next((line for line in events(person, "path")[-1:] if line["kind"] in kinds), None)


def _kinds(person: Person) -> list[str]:
    return [str(line["kind"]) for line in events(person, "path")]
