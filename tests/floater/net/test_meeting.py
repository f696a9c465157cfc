import asyncio
import contextlib
import ipaddress
import secrets
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from floater import api
from floater.api import PathKind, RelayReason
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import meeting as core
from floater.core.meet import orders
from floater.core.meet.punch import MAX_STREAMS
from floater.core.meet.settings import MeetingSettings
from floater.crypto.certificate import load_certified_key, make_certified_key
from floater.net.punch_port import prepare_punch_port
from floater.wire.control import Role
from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.limits import MAX_PART
from floater.wire.nat import UNKNOWN_NAT
from floater.wire.talk import Choose, HangUp, Part, Text
from floater.wire.url import ServerUrl
from tests.helpers.meeting import MatchMaker, Side, pair, tiny_relay
from tests.helpers.serving import serving

pytestmark = [pytest.mark.asyncio, pytest.mark.logs("match refused")]

HASTY = MeetingSettings(head_start=0.05, timeout=1.0, grace=1.0, punch_budget=0.6)


async def meet(leader: Side, follower: Side) -> tuple[api.Path, api.Path]:
    leader.meeting.start()
    follower.meeting.start()
    return await leader.hears(api.Path), await follower.hears(api.Path)


async def talks(side: Side, other: Side, seq: int) -> None:
    assert side.link is not None
    before = len(other.heard(link.Arrived))
    side.meeting.transmit(link.Transmit(side.link, Text(seq=seq, received=0), b"hello"))
    arrived = await other.hears(link.Arrived, before + 1)
    assert (arrived.link, arrived.message, arrived.body) == (other.link, Text(seq=seq, received=0), b"hello")


async def test_two_peers_meet_by_punching_and_talk_both_ways() -> None:
    async with pair() as (leader, follower):
        leader.received, follower.received = 3, 5
        clock = asyncio.get_running_loop().time
        began = clock()
        chosen = await meet(leader, follower)
        took = clock() - began
        assert [each.kind for each in chosen] == [PathKind.LAN, PathKind.LAN]
        assert all(each.took_ms <= took * 1_000 + 1 for each in chosen)
        assert chosen[0].rtt_ms is not None
        assert chosen[0].rtt_ms <= (took + 0.05) * 1_000, "of another clock"
        assert chosen[1].rtt_ms is None, "the leader's choice comes with its hello"
        for each in chosen:
            assert each.receipt is not None
            assert 0.0 <= each.receipt.stood_ms <= each.receipt.proved_ms <= took * 1_000 + 1
            assert (each.receipt.technique, each.receipt.why_relay) == ("crossing", None)
            assert each.receipt.syns > 0
            assert each.receipt.our_nat is not None
            assert each.receipt.peer_nat is not None
        assert leader.heard(link.LinkUp)[0].received == 5
        assert follower.heard(link.LinkUp)[0].received == 3
        await talks(leader, follower, 1)
        await talks(follower, leader, 1)


@pytest.mark.parametrize("late", [Role.LEADER, Role.FOLLOWER])
async def test_a_peer_who_comes_later_is_met_all_the_same(late: Role) -> None:
    async with pair() as sides:
        first, second = sides if late is Role.FOLLOWER else sides[::-1]
        first.meeting.start()
        await asyncio.sleep(0.3)  # the condition is the delay itself
        second.meeting.start()
        await first.hears(api.Path)
        await second.hears(api.Path)
        assert first.heard(api.Path)[0].kind is PathKind.LAN


async def test_ten_pairs_meet_at_once() -> None:
    async def one() -> None:
        async with pair() as (leader, follower):
            await meet(leader, follower)
            await talks(leader, follower, 1)

    await asyncio.gather(*(one() for _ in range(10)))


async def test_without_ports_they_meet_at_the_relay_which_reads_nothing() -> None:
    async with tiny_relay() as relay, pair(ports=False, server=relay.url) as (leader, follower):
        chosen = await meet(leader, follower)
        assert [(each.kind, each.how) for each in chosen] == [(PathKind.RELAY, "relay")] * 2
        await talks(leader, follower, 1)
        await talks(follower, leader, 1)
        assert b"hello" not in relay.passed
        assert len(relay.passed) > 1_000


async def test_a_network_that_lets_only_tls_out_is_crossed_by_relay_in_tls() -> None:
    async with (
        tiny_relay(raw=False) as relay,
        pair(ports=False, server=relay.url) as (leader, follower),
    ):
        chosen = await meet(leader, follower)
        assert [each.how for each in chosen] == ["relay-tls"] * 2
        await talks(leader, follower, 1)
        await talks(follower, leader, 1)


connects: list[tuple[Any, ...]] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and connects is not None:
        connects.append(arguments[1])


sys.addaudithook(_audit)


@pytest.fixture
def connected() -> Iterator[list[tuple[Any, ...]]]:
    global connects
    connects = []
    yield connects
    connects = None


async def test_with_relay_only_no_socket_to_the_peer_is_opened(connected: list[tuple[Any, ...]]) -> None:
    async with tiny_relay() as relay, pair(server=relay.url, relay_only=True) as (leader, follower):
        ports = [side.punch_port.facts.port for side in (leader, follower) if side.punch_port is not None]
        connected.clear()
        chosen = await meet(leader, follower)
        assert [each.kind for each in chosen] == [PathKind.RELAY] * 2
        for each in chosen:
            assert each.receipt is not None
            assert (each.receipt.why_relay, each.receipt.syns) == (RelayReason.HIDDEN, 0)
            assert each.receipt.our_nat is each.receipt.peer_nat is None, "nothing of who hides"
        assert {place[1] for place in connected} == {relay.url.port}
        for port in ports:  # nor does anybody listen
            with socket.socket() as sock, pytest.raises(ConnectionRefusedError):
                sock.connect(("127.0.0.1", port))


async def test_candidates_in_spite_of_relay_only_are_noticed_and_not_dialled(
    connected: list[tuple[Any, ...]],
) -> None:
    async with tiny_relay() as relay:
        maker, identities = MatchMaker(), (make_certified_key(), make_certified_key())
        place = Candidate(CandidateKind.PUBLIC, "127.0.0.1", 40_000)
        matched = maker.match(*identities, candidates=((place,), (place,)), relay_only=True)
        port = await prepare_punch_port(server=relay.url, observers=(), observer_key="k")
        side = Side(matched[0], identities[0], maker.ticket_key, punch_port=port, server=relay.url)
        connected.clear()
        side.meeting.start()
        await side.hears(api.Notice)
        await side.meeting.close()
        assert 40_000 not in {place[1] for place in connected}


async def test_strangers_on_a_candidate_are_turned_away_and_waiting_goes_on() -> None:
    seen: list[bytes] = []

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(70_000))
        seen.append(await reader.read(65_536))

    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            seen.append(data)

    impostor = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certified_key(impostor, make_certified_key())
    first: list[tuple[Candidate, ...]] = []

    def spoil(_: int, places: Sequence[Candidate]) -> Sequence[Candidate]:
        first.append(tuple(places))
        return [Candidate(CandidateKind.PUBLIC, "127.0.0.1", port) for port in ports]

    async with serving(garbage) as one, serving(silence) as two, serving(silence, ssl=impostor) as three:
        ports = one, two, three
        async with pair(spoil=spoil) as (leader, follower):
            leader.meeting.start()
            follower.meeting.start()
            async with asyncio.timeout(30):
                while len(seen) < 4:  # two of the three read what each side said
                    await asyncio.sleep(0.01)
            assert not leader.heard(api.Path)
            assert not follower.heard(api.Path)
            leader.meeting.feed(orders.PeerCandidates(tuple(first[1]), UNKNOWN_NAT))
            assert (await leader.hears(api.Path)).kind is PathKind.LAN
            await follower.hears(api.Path)
            await talks(leader, follower, 1)
            for side in (leader, follower):
                assert not side.heard(orders.Misbehaved)
                assert all(side.matched.ticket not in data for data in seen)


async def test_strangers_who_crowd_the_listener_do_not_keep_the_peer_out() -> None:
    async with pair() as (leader, follower):
        follower.meeting.start()
        assert follower.punch_port is not None
        crowd = []
        for _ in range(40):
            with contextlib.suppress(ConnectionResetError):  # who is one too many is shown out at once
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", follower.punch_port.facts.port, local_addr=("127.0.0.77", 0)
                )
                crowd.append(writer)
        assert len(crowd) >= MAX_STREAMS
        leader.meeting.start()
        assert (await follower.hears(api.Path)).kind is PathKind.LAN
        for writer in crowd:
            writer.close()


def one_place(_: int, places: Sequence[Candidate]) -> Sequence[Candidate]:
    return [place for place in places if place.host == "127.0.0.1"]


async def test_a_link_that_is_cut_is_replaced_between_the_same_ports() -> None:
    async with pair(spoil=one_place) as (leader, follower):
        await meet(leader, follower)
        for cut, side in enumerate((leader, follower, leader), start=1):
            side.peer_link._transport.abort()  # type: ignore[union-attr]  # it is up
            for each in (leader, follower):
                await each.hears(api.PeerBack, cut)
                await each.hears(api.Path, cut + 1)
                assert each.heard(api.PeerAway)[-1] == api.PeerAway(grace_s=30.0)
                assert len(each.heard(link.LinkDown)) == cut
            await talks(leader, follower, cut)
            await talks(follower, leader, cut)
        assert [each.kind for each in leader.heard(api.Path)] == [PathKind.LAN] * 4


async def test_a_link_under_suspicion_is_replaced() -> None:
    async with pair(spoil=one_place) as (leader, follower):
        await meet(leader, follower)
        assert follower.link is not None
        follower.meeting.feed(link.Suspect(follower.link))
        await leader.hears(api.PeerBack)
        await follower.hears(api.PeerBack)
        await talks(leader, follower, 1)


async def test_a_link_on_an_address_that_is_gone_is_left_and_any_other_is_asked() -> None:
    async with pair(spoil=one_place) as (leader, follower):
        await meet(leader, follower)
        leader.meeting.feed(orders.NetworkChanged(frozenset((ipaddress.ip_address("192.0.2.1"),))))
        await leader.hears(link.Check)
        assert not leader.heard(api.PeerAway)
        leader.meeting.feed(orders.NetworkChanged(frozenset((ipaddress.ip_address("127.0.0.1"),))))
        assert leader.heard(api.PeerAway)
        for side in (leader, follower):
            await side.hears(api.PeerBack)
        await talks(leader, follower, 1)


async def test_a_fresh_port_is_punched_from_and_the_old_one_given_back() -> None:
    async with tiny_relay() as relay, pair(server=relay.url, spoil=lambda *_: ()) as (leader, follower):
        await meet(leader, follower)
        assert follower.punch_port is not None
        fresh = await prepare_punch_port(
            server=ServerUrl("127.0.0.1", 1, None), observers=(), observer_key="k"
        )
        follower.meeting.renew(fresh)
        leader.meeting.feed(orders.PeerCandidates(tuple(one_place(0, fresh.candidates)), UNKNOWN_NAT))
        for side in (leader, follower):
            assert (await side.hears(api.Path, 2)).kind is PathKind.LAN
        await talks(leader, follower, 1)
        sock = leader.peer_link._sock
        assert sock is not None
        assert sock.getpeername()[1] == fresh.facts.port
        async with asyncio.timeout(30):
            await follower.meeting._performer._port.settled()
        with socket.socket() as own:
            own.bind(("0.0.0.0", follower.punch_port.facts.port))


async def test_candidates_that_are_no_news_are_no_move() -> None:
    async with pair(spoil=one_place) as (leader, follower):
        await meet(leader, follower)
        leader.meeting.feed(orders.PeerCandidates(tuple(leader.matched.candidates), UNKNOWN_NAT))
        assert not leader.heard(link.Check)
        leader.meeting.feed(orders.PeerCandidates(tuple(()), UNKNOWN_NAT))
        await leader.hears(link.Check)


async def test_when_the_relay_is_cut_the_peers_come_back_to_it() -> None:
    async with tiny_relay() as relay, pair(ports=False, server=relay.url) as (leader, follower):
        await meet(leader, follower)
        relay.cut()
        await leader.hears(api.PeerBack)
        await follower.hears(api.PeerBack)
        await talks(leader, follower, 1)


async def test_what_is_being_tried_is_told_and_then_why_the_relay_is_taken_as_that_changes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = Candidate(CandidateKind.PRIVATE, "127.0.0.1", taken.getsockname()[1])
    settings = MeetingSettings(head_start=0.05, punch_budget=2.0)  # the relay is there before it is spent
    async with (
        tiny_relay() as relay,
        pair(server=relay.url, settings=settings, spoil=lambda _, __: (closed,)) as (leader, follower),
    ):
        chosen = await meet(leader, follower)
        for side, way in zip((leader, follower), chosen, strict=True):
            assert [told.kinds for told in side.heard(api.Trying)] == [
                [PathKind.LAN],
                [PathKind.LAN, PathKind.RELAY],
            ]
            assert way.receipt is not None
            assert way.receipt.why_relay is RelayReason.UNDER_WAY
            failed = (await side.hears(api.ReceiptChanged)).receipt
            assert failed.why_relay is RelayReason.FAILED
            assert failed.syns >= way.receipt.syns > 0
            side.meeting.renew(None)
            again = (await side.hears(api.ReceiptChanged, 2)).receipt
            assert again.why_relay is RelayReason.UNDER_WAY
            assert (await side.hears(api.ReceiptChanged, 3)).receipt.why_relay is RelayReason.FAILED
            assert len(side.heard(api.Path)) == 1


async def test_a_direct_link_found_later_takes_over_from_the_relay_without_a_gap() -> None:
    held: list[Sequence[Candidate]] = []

    def withhold(side: int, places: Sequence[Candidate]) -> Sequence[Candidate]:
        held.append(one_place(side, places))
        return ()

    async with tiny_relay() as relay, pair(server=relay.url, spoil=withhold) as (leader, follower):
        chosen = await meet(leader, follower)
        assert [each.kind for each in chosen] == [PathKind.RELAY] * 2
        follower.meeting.feed(orders.PeerCandidates(tuple(held[0]), UNKNOWN_NAT))
        for side in (leader, follower):
            assert (await side.hears(api.Path, 2)).kind is PathKind.LAN
            assert not side.heard(link.LinkDown)
            assert not side.heard(api.PeerAway)
        await talks(leader, follower, 1)
        assert len(leader.meeting._performer._links) == 2  # the old one, for a while


async def test_the_last_words_arrive_although_the_other_sends_as_fast_as_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core, "LAST_WORDS", 30.0)
    async with pair() as (leader, follower):
        await meet(leader, follower)
        part, body = Part("ffffffffffffffff.1", 0), bytes(MAX_PART)

        def flood(report: object) -> None:
            if isinstance(report, link.Writable):
                follower.meeting.transmit(link.Transmit(report.link, part, body, bulk=True))

        follower.on_report = flood
        flood(link.Writable(follower.link or 0))
        await leader.hears(link.Arrived, 20)
        assert leader.link is not None
        leader.meeting.transmit(link.Transmit(leader.link, HangUp(seq=1, received=0)))
        closing = asyncio.gather(leader.meeting.close())
        arrived = await follower.hears(link.Arrived)
        assert isinstance(arrived.message, HangUp)
        assert not follower.heard(link.LinkDown)
        began = asyncio.get_running_loop().time()
        await follower.meeting.close()
        await closing
        assert asyncio.get_running_loop().time() - began < 20.0  # nobody had to wait for the limit


async def test_nobody_at_the_relay_is_a_no_show_and_no_server_is_no_path() -> None:
    async with tiny_relay() as relay, pair(server=relay.url, settings=HASTY) as (leader, _):
        leader.meeting.start()
        assert await leader.hears(orders.NoShow) == orders.NoShow(Code.PEER_NO_SHOW)
    patient = MeetingSettings(head_start=0.05, timeout=5.0, grace=1.0, punch_budget=0.6)
    async with pair(settings=patient) as (leader, _):
        leader.meeting.start()
        assert await leader.hears(orders.NoShow) == orders.NoShow(Code.NO_PATH)


async def test_a_relay_that_refuses_is_no_path() -> None:
    async with (
        tiny_relay(refuse="relay_full") as relay,
        pair(ports=False, server=relay.url, settings=HASTY) as (leader, _),
    ):
        leader.meeting.start()
        assert await leader.hears(orders.NoShow) == orders.NoShow(Code.NO_PATH)
        assert relay.tokens


async def test_a_peer_who_stays_away_is_lost_after_the_grace() -> None:
    async with pair(settings=MeetingSettings(grace=1.0)) as (leader, follower):
        await meet(leader, follower)
        await follower.meeting.close()
        assert await leader.hears(orders.Lost) == orders.Lost(relayed=False)
        kinds = [type(report) for report in leader.reports]
        assert kinds[-4:] == [link.LinkDown, Emit, orders.RenewPort, orders.Lost]
        assert leader.heard(api.PeerAway) == [api.PeerAway(grace_s=1.0)]


@pytest.mark.parametrize("fault", ["expired", "unsigned", "another match", "another peer", "no certificate"])
async def test_nothing_is_dialled_on_a_bad_ticket(fault: str, connected: list[tuple[Any, ...]]) -> None:
    maker, identities = MatchMaker(), (make_certified_key(), make_certified_key())
    place = Candidate(CandidateKind.PUBLIC, "127.0.0.1", 40_000)
    matched, _ = maker.match(
        *identities, candidates=((place,), (place,)), expires=1.0 if fault == "expired" else None
    )
    changes: dict[str, dict[str, Any]] = {
        "unsigned": {"signature": secrets.token_bytes(64)},
        "another match": {"match_id": "x"},
        "another peer": {"certificate": make_certified_key().certificate},
        "no certificate": {"certificate": bytes(100)},
    }
    matched = type(matched)(
        **{f: getattr(matched, f) for f in matched.__struct_fields__} | changes.get(fault, {})
    )
    port = await prepare_punch_port(
        server=ServerUrl("127.0.0.1", 1, None), observers=(), observer_key="k", timeout=1.0
    )
    side = Side(matched, identities[0], maker.ticket_key, punch_port=port)
    connected.clear()
    side.meeting.start()
    assert side.reports == [orders.NoShow(Code.BAD_TICKET)]
    side.meeting.feed(
        orders.CandidatesTold()
    )  # what the router grants later changes nothing, here or after the end
    await side.meeting.close()
    side.meeting.feed(orders.CandidatesTold())
    assert connected == []


async def test_a_server_that_lies_about_candidates_is_noticed_and_the_rest_is_dialled(
    connected: list[tuple[Any, ...]],
) -> None:
    lies = [
        Candidate(CandidateKind.PUBLIC, "169.254.169.254", 40_000),
        Candidate(CandidateKind.PUBLIC, "127.0.0.1", 22),
        Candidate(CandidateKind.PRIVATE, "127.0.0.1", 5_432),
        Candidate(CandidateKind.PUBLIC, "::ffff:0.0.0.0", 40_000),
    ]
    async with pair(spoil=lambda _, places: [*lies, *places][:8]) as (leader, follower):
        connected.clear()
        await meet(leader, follower)
        assert leader.heard(api.Notice) == [api.Notice(Code.BAD_CANDIDATE.value, "")]
        allowed = {side.punch_port.facts.port for side in (leader, follower) if side.punch_port is not None}
        assert {place[1] for place in connected} - {1} <= allowed


async def test_a_follower_who_chooses_has_misbehaved() -> None:
    async with pair() as (leader, follower):
        await meet(leader, follower)
        follower.peer_link.send(Choose(2))
        assert await leader.hears(orders.Misbehaved) == orders.Misbehaved(Code.UNEXPECTED)
        await talks(leader, follower, 1)


async def test_garbage_inside_the_link_closes_it_and_is_reported() -> None:
    async with pair() as (leader, follower):
        await meet(leader, follower)
        transport = follower.peer_link._transport
        assert transport is not None
        transport.write(b"\xff" * 64)
        assert await leader.hears(orders.Misbehaved) == orders.Misbehaved(Code.FRAME_TOO_LARGE)


async def test_a_meeting_can_be_closed_at_any_moment() -> None:
    async with tiny_relay() as relay:
        for wait in (0.0, 0.001, 0.005, 0.02):
            async with pair(server=relay.url, settings=MeetingSettings(head_start=0.0)) as (leader, follower):
                leader.meeting.start()
                follower.meeting.start()
                await asyncio.sleep(wait)
                await leader.meeting.close()
                told = len(leader.reports)
            assert len(leader.reports) == told


@pytest.mark.parametrize("address", ["nowhere:http", "192.0.2.1:99999", "[::1"])
async def test_a_relay_whose_address_is_none_is_no_path(address: str) -> None:
    maker = MatchMaker()
    identities = make_certified_key(), make_certified_key()
    matched, _ = maker.match(*identities)
    matched = msgspec.structs.replace(matched, relay=address)
    side = Side(matched, identities[0], maker.ticket_key, settings=HASTY)
    side.meeting.start()
    assert (await side.hears(orders.NoShow)).code is Code.NO_PATH
    await side.meeting.close()
