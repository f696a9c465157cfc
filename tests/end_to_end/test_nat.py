"""The main job over real NATs: two people in namespaces, each behind a router, the Internet in between.

A round trip takes 80 ms. Every scene goes from sign-up mails to hang-up. What the server and each side
saw of the other's packets is captured and searched.
"""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.at_home import two_at_home
from tests.helpers.digests import told_digest
from tests.helpers.headless import Line, Person, Server, events, greet, meet
from tests.helpers.opened import keylog, opened, read_keys
from tests.helpers.pictures import noise_png
from tests.natlab.classify import plain_dial
from tests.natlab.lab import Lab
from tests.natlab.namespaces import tool
from tests.natlab.nats import Stray
from tests.natlab.packets import Packet
from tests.natlab.pcap import streams
from tests.natlab.scene import Host, Router

pytestmark = [pytest.mark.natlab, pytest.mark.asyncio]

RTT: Final = 0.08
PORTS: Final = ("igd", "targets", "dnat")
PINHOLES: Final = ("firewall6", "pinholes", "@nh,192,128")
"Where nftables lists what a router opened: table, chain, and what each of these rules has."
IMAGE: Final = 5_000_000
HELLO: Final = "今天的云像一条鱼，你那里呢？ 🐟"
ANSWER: Final = "Here it rains; the cat is cross."
GREETING: Final = '"type":"greet"'


@dataclass
class Meeting:
    """Two people, the server, and where they live."""

    lab: Lab
    server: Server
    server_host: Host
    alice: Person
    bob: Person
    folder: Path

    def host(self, name: str) -> Host:
        return self.lab.hosts[name]

    def keys(self) -> list[Path]:
        return [path for path in self.folder.glob("*.keys")]


@asynccontextmanager
async def two_people(
    folder: Path,
    kinds: tuple[str, str],
    *,
    hide: bool = False,
    one_home: bool = False,
    igd: bool = False,
    ipv6: bool = False,
) -> AsyncIterator[Meeting]:
    """Let a server and two people start, everyone's packets captured, and go as far as home.

    With `igd` Alice's router maps ports on request; with `ipv6` everybody has IPv6, behind firewalls.
    """
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(Lab(rtt=RTT, ipv6=ipv6))
        server_host = lab.host("server", addresses=2)
        if one_home:
            home = lab.router(kinds[0], "home")
            hosts = home.host("alice"), home.host("bob")
        else:
            hosts = lab.behind(kinds[0], "alice", igd=igd), lab.behind(kinds[1], "bob")
        for name in ("server", "alice", "bob"):
            lab.capture(name)
        envs = [
            {**keylog(folder / f"{name}.keys"), "XDG_DOWNLOAD_DIR": str(folder / name)}
            for name in ("alice", "bob")
        ]
        server, alice, bob = await stack.enter_async_context(
            two_at_home(folder, server_host, hosts, (envs[0], envs[1]), hide=hide)
        )
        yield Meeting(lab, server, server_host, alice, bob, folder)


async def say(sender: Person, receiver: Person, text: str) -> None:
    reply = await sender.do("send_text", text=text)
    assert (await receiver.event("text"))["text"] == text
    await sender.event("delivered", message_id=reply["message_id"])


async def offer(sender: Person, receiver: Person, path: Path) -> str:
    await sender.do("send_file", path=str(path))
    offered = await receiver.event("offer")
    assert (offered["name"], offered["content_type"]) == (path.name, "image/png")
    assert offered["size"] == path.stat().st_size
    await receiver.do("accept", transfer_id=offered["transfer_id"], to=str(receiver.data_dir))
    return str(offered["transfer_id"])


async def is_received(sender: Person, receiver: Person, transfer_id: str, path: Path) -> None:
    received = await receiver.event("received", transfer_id=transfer_id, within=40)
    await sender.event("sent", transfer_id=transfer_id)
    content = path.read_bytes()
    assert received["digest"] == told_digest(content)
    assert Path(received["path"]).read_bytes() == content


async def part(one: Person, other: Person) -> None:
    """Hang up; both are home again."""
    await one.do("hang_up")
    assert (await one.event("ended"))["reason"] == "you_hung_up"
    assert (await other.event("ended"))["reason"] == "peer_hung_up"
    await asyncio.gather(*(person.event("state", state="home") for person in (one, other)))


async def talk(meeting: Meeting, image: Path, over: str) -> None:
    """Meet, greet, talk, pass a picture over such a path, hang up; that path is the last of both."""
    alice, bob = meeting.alice, meeting.bob
    await meet(alice, bob)
    await greet(alice, bob)
    for person in (alice, bob):  # on a busy machine the relay may come first
        await person.until(partial(_on, person, over), f"a path: {over}")
    await say(alice, bob, HELLO)
    await say(bob, alice, ANSWER)
    await is_received(alice, bob, await offer(alice, bob, image), image)
    await part(bob, alice)
    for person in (alice, bob):
        paths_seen = [line for line in person.everything if line.get("event") == "path"]
        print(person.data_dir.name, [(p["kind"], p["how"], p["took_ms"], p["rtt_ms"]) for p in paths_seen])
        assert paths_seen[-1]["kind"] == over


def _on(person: Person, kind: str) -> Line | None:
    return next((line for line in events(person, "path")[-1:] if line["kind"] == kind), None)


def secrets_of(image: Path) -> list[bytes]:
    """What nobody between the two may read: the words, the greeting, slices of the picture."""
    data = image.read_bytes()
    slices = [data[at : at + 32] for at in range(1_000, len(data) - 32, len(data) // 7)]
    return [HELLO.encode(), ANSWER.encode(), GREETING.encode(), "你好".encode(), image.name.encode(), *slices]


def payloads(packets: list[Packet]) -> bytes:
    """Everything said over TCP, put back together, and everything else as it is."""
    runs = [run for runs in streams(packets).values() for run in runs]
    return b"\n".join([*runs, *(packet.payload for packet in packets)])


def conversed(packets: list[Packet], one: str, other: str) -> list[Packet]:
    return [packet for packet in packets if {packet.source, packet.target} == {one, other}]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "the-cat-is-cross.png"
    path.write_bytes(noise_png(IMAGE))
    return path


async def test_two_behind_port_restricted_nats_talk_directly(tmp_path: Path, image: Path) -> None:
    async with two_people(tmp_path, ("APDF", "APDF")) as meeting:
        await talk(meeting, image, "direct")
        ours, theirs = meeting.host("alice").public, meeting.host("bob").public
        sizes = {
            name: sum(len(packet.payload) for packet in meeting.lab.seen(name))
            for name in ("server", "alice", "bob")
        }
        print(sizes)
        assert sizes["server"] < IMAGE / 10 < IMAGE < sizes["alice"], "the picture went past the server"
        assert conversed(meeting.lab.seen("bob"), ours, theirs)


@pytest.mark.parametrize("kinds", [("EGRESS", "EGRESS"), ("SYM-RAND", "SYM-RAND")])
async def test_two_whom_no_punch_can_join_talk_over_a_relay_that_reads_nothing(
    tmp_path: Path, image: Path, kinds: tuple[str, str]
) -> None:
    async with two_people(tmp_path, kinds) as meeting:
        await talk(meeting, image, "relay")
        packets = meeting.lab.seen("server")
        seen = payloads(packets)
        assert len(seen) > 2 * IMAGE, "the relay saw the whole picture, twice"
        hidden = secrets_of(image)
        assert [secret for secret in hidden if secret in seen] == []
        kept = b"".join(path.read_bytes() for path in meeting.server.data_dir.rglob("*") if path.is_file())
        assert [secret for secret in hidden if secret in kept] == []
        log = meeting.server.log.read_bytes()
        assert not any(secret in log for secret in (*hidden, b"alice@", b"Alice", b"Bob"))

        # The search can find it: the very same packets, opened with keys that only the two have.
        read = b"\n".join(opened(packets, read_keys(*meeting.keys())).values())
        missed = [secret for secret in hidden if secret not in read]
        assert missed == ["你好".encode()], "the greeting travels as a word of the protocol"


async def test_who_hides_their_address_is_seen_by_nobody_but_the_server(tmp_path: Path, image: Path) -> None:
    async with two_people(tmp_path, ("APDF", "APDF"), hide=True) as meeting:
        await talk(meeting, image, "relay")
        ours, theirs = meeting.host("alice"), meeting.host("bob")
        for one, other in ((ours, theirs), (theirs, ours)):
            packets = meeting.lab.seen(one.name)
            assert packets
            assert conversed(packets, one.public, other.public) == []
            assert not [packet for packet in packets if other.public in (packet.source, packet.target)]
            # Nor does any message bring it, whoever says it.
            told = opened(packets, read_keys(meeting.folder / f"{one.name}.keys"))
            heard = b"\n".join(data for flow, data in told.items() if flow[0] != one.public)
            assert b'"type":"matched"' in heard, "these are the server's words, opened"
            assert b'"type":"greet"' in heard, "and the peer's"
            assert not mentions(heard, other)


async def test_who_does_not_hide_is_told_where_the_other_is(tmp_path: Path) -> None:
    """The control of the test above: the same search finds the address where it is meant to be known."""
    async with two_people(tmp_path, ("APDF", "APDF")) as meeting:
        await meet(meeting.alice, meeting.bob)
        packets = meeting.lab.seen("bob")
        told = opened(packets, read_keys(meeting.folder / "bob.keys"))
        heard = b"\n".join(data for flow, data in told.items() if flow[0] != meeting.host("bob").public)
        assert mentions(heard, meeting.host("alice"))


@pytest.mark.parametrize("other", ["APDF", "SYM-RAND"])
async def test_a_router_that_is_asked_to_lets_even_a_symmetric_nat_talk_directly(
    tmp_path: Path, image: Path, other: str
) -> None:
    """Two of these without one are relayed: see above."""
    async with two_people(tmp_path, ("SYM-RAND", other), igd=True) as meeting:
        alice, bob, router = meeting.alice, meeting.bob, meeting.lab.routers["alice-router"]
        network = await alice.do("network")
        assert [place.rpartition(":")[0] for place in network["mapped"]] == [router.public]
        assert network["reachability"] == "open"
        assert [words for words in network["words"] if "PCP" in words]
        await talk(meeting, image, "direct")
        assert events(bob, "path")[-1]["how"] == "mapped"

        # The port of that talk is closed, the one of the next is open; then nothing is asked, then we leave.
        before = network["mapped"]
        network = await alice.do("network")
        assert network["mapped"] != before
        await opened_ports(router, 1)
        await alice.do("set", map_port=False)
        await opened_ports(router, 0)
        assert (await alice.do("network"))["mapped"] == []
        await alice.do("set", map_port=True)
        await opened_ports(router, 1)
        await alice.do("set", hide_address=True)
        await opened_ports(router, 0)
        await alice.do("set", hide_address=False)
        await opened_ports(router, 1)
        await alice.do("quit")
        await opened_ports(router, 0)


async def test_a_firewall_for_ipv6_that_is_asked_to_lets_the_other_in(tmp_path: Path, image: Path) -> None:
    """By IPv4 there is no way: see above. Where nothing is asked, a punch finds it, to no mapped place."""
    async with two_people(tmp_path, ("EGRESS", "EGRESS"), ipv6=True) as meeting:
        alice, bob, router = meeting.alice, meeting.bob, meeting.lab.routers["alice-router"]
        ours = meeting.host("alice").addresses[1]
        # Not by PCP: asked for a pinhole twice, as on a busy machine, this daemon no longer takes it back.
        router.offer_mappings(pcp=False)
        for wish in (False, True):
            await alice.do("set", map_port=wish)
        # Nobody listens yet: what is refused by Alice's own computer has come through the firewall. She may
        # look around by a port for the moment, which is closed again, while the one to stay is prepared.
        fate = Stray.DROPPED
        async with asyncio.timeout(20):
            while fate is Stray.DROPPED:
                network = await alice.do("network")
                (place,) = by_ipv6(network["mapped"])
                host, _, port = place.rpartition(":")
                assert host == f"[{ours}]"
                with plain_dial(meeting.server_host, (ours, int(port))) as fate:
                    assert fate in (Stray.RESET, Stray.DROPPED)
        assert [words for words in network["words"] if "IPv6" in words and "UPnP" in words]
        with plain_dial(meeting.server_host, (ours, int(port) ^ 1)) as fate:
            assert fate is Stray.DROPPED
        await talk(meeting, image, "direct")
        assert events(bob, "path")[-1]["how"] == "mapped"

        network = await alice.do("network")
        assert by_ipv6(network["mapped"]) not in ([place], [])
        await opened_ports(router, 1, PINHOLES)
        await alice.do("set", map_port=False)
        await opened_ports(router, 0, PINHOLES)
        with plain_dial(meeting.server_host, (ours, int(port))) as fate:
            assert fate is Stray.DROPPED
        await talk(meeting, image, "direct")
        assert events(bob, "path")[-1]["how"] == "public"
        await alice.do("set", map_port=True)
        await opened_ports(router, 1, PINHOLES)
        await alice.do("quit")
        await opened_ports(router, 0, PINHOLES)


def by_ipv6(places: list[str]) -> list[str]:
    return [place for place in places if place.startswith("[")]


async def opened_ports(router: Router, count: int, where: tuple[str, str, str] = PORTS) -> None:
    """Wait until the router lets others in to so many ports, as nftables has it."""
    *chain, mark = where
    listing = [tool("nft"), "list", "chain", "inet", *chain]
    async with asyncio.timeout(10):
        while True:
            process = await asyncio.create_subprocess_exec(
                *router.namespace.prefix, *listing, stdout=asyncio.subprocess.PIPE
            )
            rules, _ = await process.communicate()
            if rules.count(mark.encode()) == count:
                return


async def test_a_cable_pulled_in_the_middle_of_a_picture_costs_nothing_but_time(
    tmp_path: Path, image: Path
) -> None:
    async with two_people(tmp_path, ("APDF", "APDF")) as meeting:
        lab, alice, bob = meeting.lab, meeting.alice, meeting.bob
        await meet(alice, bob)
        await greet(alice, bob)
        lab.change("alice", rate=1_500_000.0)  # so that there is a middle
        transfer = await offer(alice, bob, image)
        await bob.until(lambda: _progress(bob, transfer, IMAGE // 4), "a quarter of the picture")
        lab.cut("alice")
        ours = [(await alice.do("send_text", text=f"is anybody there? {n}"))["message_id"] for n in range(5)]
        theirs = [(await bob.do("send_text", text=f"hello? {n}"))["message_id"] for n in range(5)]
        await asyncio.gather(alice.event("peer_away", within=15), bob.event("peer_away", within=15))
        assert not received(bob)
        lab.heal("alice")
        await asyncio.gather(alice.event("peer_back", within=30), bob.event("peer_back", within=30))
        await is_received(alice, bob, transfer, image)
        for person, sent in ((alice, ours), (bob, theirs)):
            for message in sent:
                await person.event("delivered", message_id=message)
        await part(alice, bob)
        assert texts(bob) == [f"is anybody there? {n}" for n in range(5)], "each once, in order"
        assert texts(alice) == [f"hello? {n}" for n in range(5)]
        assert len(received(bob)) == 1
        for person in (alice, bob):
            print([shlex.join(map(str, (p["kind"], p["how"]))) for p in events(person, "path")])


async def test_two_in_one_home_talk_inside_it(tmp_path: Path, image: Path) -> None:
    async with two_people(tmp_path, ("APDF", "APDF"), one_home=True) as meeting:
        await talk(meeting, image, "lan")
        outside = sum(len(packet.payload) for packet in meeting.lab.seen("alice"))
        assert outside < IMAGE / 10, "the picture never left the house"


def mentions(text: bytes, host: Host) -> bool:
    """Whether an address of a host stands in a text."""
    return any(
        re.search(rb"(?<![0-9.])" + re.escape(address.encode()) + rb"(?![0-9.])", text) is not None
        for address in (host.public, host.address)
    )


def texts(person: Person) -> list[str]:
    return [str(line["text"]) for line in events(person, "text")]


def received(person: Person) -> list[Line]:
    return events(person, "received")


def _progress(person: Person, transfer: str, at_least: int) -> Line | None:
    return next(
        (
            line
            for line in events(person, "progress")
            if line["transfer_id"] == transfer and line["bytes"] >= at_least
        ),
        None,
    )
