import errno
import hashlib
import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.natlab.classify import (
    PATIENCE,
    KindFailed,
    classify,
    dial,
    outcome,
    plain_dial,
    prove,
    prove_all,
    shared_socket,
)
from tests.natlab.lab import Lab
from tests.natlab.namespaces import PREFIX, Namespace, sweep
from tests.natlab.nats import (
    KINDS,
    OTHERS,
    Allocation,
    Behaviour,
    Filtering,
    Kind,
    Mapping,
    Stray,
    Translated,
    can_be_direct,
)
from tests.natlab.packets import ACK, SYN, Packet
from tests.natlab.pcap import streams
from tests.natlab.scene import Host, Scene
from tests.natlab.wire import Line

natlab = pytest.mark.natlab
RTT = 0.08
_SO_RCVBUFFORCE = 33


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(rtt=RTT) as made:
        yield made


# -- the kinds ----------------------------------------------------------------------------


def test_the_canonical_set_has_87_pairs_of_105_that_can_be_direct() -> None:
    kinds = list(KINDS.values())
    pairs = [(a, b) for at, a in enumerate(kinds) for b in kinds[at:]]
    assert (len(pairs), sum(can_be_direct(a, b) for a, b in pairs)) == (105, 87)


@natlab
def test_every_kind_does_what_its_name_says() -> None:
    prove_all([*OTHERS, *KINDS])  # what takes longest, first


@natlab
def test_a_kind_that_does_not_do_what_its_name_says_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    liar = Kind(
        "LIAR", "", "A", KINDS["APDF"].recipe, Behaviour(filtering=Filtering.NONE, stray=Stray.ACCEPTED)
    )
    monkeypatch.setitem(KINDS, "LIAR", liar)
    with Lab() as lab, pytest.raises(KindFailed, match="LIAR"):
        lab.behind("LIAR", "alice")


@natlab
def test_whatever_is_set_for_a_nat_in_user_space_is_what_it_does() -> None:
    """Every mapping with every filtering; allocation, answer and crossing take turns."""
    ports, answers = (
        itertools.cycle(Allocation),
        itertools.cycle([Stray.DROPPED, Stray.RESET, Stray.UNREACHABLE]),
    )
    mappings = [mapping for mapping in Mapping if mapping is not Mapping.NONE]
    prove_all(
        Kind(
            f"TURN-{number}", "", "", Translated(),
            Behaviour(
                mapping,
                filtering,
                next(ports),
                Stray.ACCEPTED if filtering is Filtering.NONE else next(answers),
                crossing=number % 2 == 0,
            ),
        )
        for number, (mapping, filtering) in enumerate(itertools.product(mappings, Filtering))
    )  # fmt: skip


@natlab
def test_a_home_behind_a_carrier_behaves_as_the_worse_of_both() -> None:
    symmetric = Behaviour(Mapping.PORT_DEPENDENT, allocation=Allocation.RANDOM)
    expected = {
        "APDF": Behaviour(),
        # The carrier holds the number of a stray that the home turned away against all that comes after it.
        "FC": Behaviour(poisoned=True),
        "APDF-NP": Behaviour(allocation=Allocation.FIXED),
        "SYM-RAND": symmetric,
        "EIM-SEQ": Behaviour(allocation=Allocation.SEQUENTIAL),
    }
    with ThreadPoolExecutor(len(expected)) as pool:
        assert dict(zip(expected, pool.map(_classify_behind_carrier, expected), strict=True)) == expected


def _classify_behind_carrier(code: str) -> Behaviour:
    with Scene(rtt=0.02) as scene:
        carrier = scene.router(code, "carrier", is_carrier=True)
        return classify(scene, scene.router("APDF", "home", under=carrier).host("subject"))


@natlab
@pytest.mark.parametrize("code", ["APDF", "FC", "EIM-SEQ"])
def test_two_behind_one_router_meet_inside_and_outside_only_if_it_hairpins(code: str) -> None:
    assert prove(code, hairpin=True).hairpin
    with Lab(rtt=RTT) as lab:
        server, home = lab.host("server"), lab.router(code, "home")
        alice, bob = home.host("alice"), home.host("bob")
        with listening(server, 443) as observer:
            local, mapped = _observe(alice, observer)
        with listening(alice, local):
            with plain_dial(bob, mapped) as fate:
                assert fate is not Stray.ACCEPTED
            lab.cut("home")
            with plain_dial(bob, (alice.address, local)) as fate:
                assert fate is Stray.ACCEPTED, "without the Internet"


@natlab
@pytest.mark.parametrize("hairpin", [False, True])
@pytest.mark.parametrize("code", ["APDF", "EIM-SEQ"])
def test_two_homes_behind_one_carrier_are_punched_only_if_it_hairpins(
    lab: Lab, code: str, hairpin: bool
) -> None:
    server = lab.host("server")
    carrier = lab.router(code, "carrier", is_carrier=True, hairpin=hairpin)
    alice, bob = (lab.router("APDF", f"{name}-home", under=carrier).host(name) for name in ("alice", "bob"))
    ours, theirs = 20001, 20002  # a carrier keeps the port of only one of two that have the same by chance
    with listening(server, 443) as observer:
        ours_mapped, theirs_mapped = (
            _observe(host, observer, local)[1] for host, local in ((alice, ours), (bob, theirs))
        )
    with listening(bob, theirs), plain_dial(alice, theirs_mapped) as fate:
        assert fate is not Stray.ACCEPTED
    dials = [
        dial(alice.namespace, ("", ours), theirs_mapped),
        dial(bob.namespace, ("", theirs), ours_mapped),
    ]
    with dials[0], dials[1]:
        fates = [outcome(one) for one in dials]
    assert [fate is Stray.ACCEPTED for fate in fates] == [hairpin, hairpin], fates


@natlab
def test_what_cannot_be_built_is_refused() -> None:
    with Scene() as scene:
        carrier = scene.router("APDF", "carrier", is_carrier=True)
        with pytest.raises(ValueError, match="cannot be told"):
            scene.router("APDF-NP", "a", hairpin=True)
        with pytest.raises(ValueError, match="public addresses"):
            scene.router("FW", "a", under=carrier)
        with pytest.raises(ValueError, match="played by the wire"):
            scene.router("ADM", "b", under=carrier)
        with pytest.raises(ValueError, match="played by the wire"):
            scene.router("ADM", "c", igd=True)


@natlab
@pytest.mark.parametrize("code", ["APDF", "FC", "SYM-SEQ"])
def test_a_router_that_forgets_lets_nothing_in_that_it_let_in_before(code: str) -> None:
    with Lab(rtt=0.02) as lab:
        server, alice = lab.host("server"), lab.behind(code, "alice")
        with (
            listening(server, 443) as listener,
            dial(alice.namespace, ("", 0), listener.getsockname()) as out,
        ):
            assert outcome(out) is Stray.ACCEPTED
            out.setblocking(True)
            out.settimeout(PATIENCE)
            with listener.accept()[0] as into:
                into.sendall(b"one")
                assert out.recv(3) == b"one"
                alice.router.forget()
                into.sendall(b"two")
                with pytest.raises(TimeoutError):
                    out.recv(3)
            with plain_dial(alice, listener.getsockname()) as fate:
                assert fate is Stray.ACCEPTED


# -- the wire -----------------------------------------------------------------------------


@natlab
def test_the_round_trip_takes_what_it_should_to_the_millisecond(lab: Lab) -> None:
    one, other = lab.host("one"), lab.behind("APDF", "other")
    near, by = lab.host("near", line=Line()), lab.behind("APDF", "by", line=Line())
    with listening(one, 443) as listener, listening(near, 443) as beside:
        took, floor = [], []
        for _ in range(20):
            took.append(_time_to_dial(other, listener))
            floor.append(_time_to_dial(by, beside))
    late = lab.stats()["late"]
    print(f"round trip {min(took) * 1e3:.2f} to {max(took) * 1e3:.2f} ms; wire late by {late}")
    # A busy machine adds to both; to the quickest of twenty, least.
    assert RTT <= min(took) < RTT + min(floor) + 0.001


def _time_to_dial(host: Host, listener: socket.socket) -> float:
    began = time.perf_counter()
    with dial(host.namespace, ("", 0), listener.getsockname()) as dialled:
        assert outcome(dialled) is Stray.ACCEPTED
        return time.perf_counter() - began


@natlab
@pytest.mark.parametrize("code", ["APDF", "EIM-SEQ"])
def test_a_file_of_5_mb_arrives_whole_within_seconds_and_the_capture_holds_it(lab: Lab, code: str) -> None:
    server, alice = lab.host("server"), lab.behind(code, "alice")
    lab.capture("alice")
    sent = os.urandom(5_000_000)
    began = time.monotonic()
    got = transfer(alice, server, sent)
    took = time.monotonic() - began
    print(f"5 MB in {took:.2f} s; {lab.stats()}")
    assert hashlib.sha256(got).digest() == hashlib.sha256(sent).digest()
    assert took < 5.0
    packets = lab.seen("alice")
    assert max(len(packet.raw) for packet in packets) <= 1500, "only packets that fit the Internet"
    assert [sent] in streams(packets).values()


@natlab
def test_loss_is_what_was_asked_for_and_the_same_again_for_the_same_seed() -> None:
    first, second = ([*_numbers_through(0, loss=0.1)] for _ in range(2))
    assert first == second
    assert first == sorted(first)
    assert 0.75 < len(first) / 400 < 0.87, "0.9² of them"


@natlab
def test_jitter_keeps_the_order_and_reordering_does_not() -> None:
    assert [*_numbers_through(0, jitter=0.01)] == list(range(400))
    shuffled = [*_numbers_through(0.0005, reorder=0.1)]
    assert shuffled != list(range(400))
    assert sorted(shuffled) == list(range(400))


@natlab
def test_a_rate_is_kept(lab: Lab) -> None:
    server, alice = lab.host("server"), lab.behind("OPEN", "alice")
    lab.change("alice", rate=1_000_000.0)
    lab.capture("server")
    began = time.monotonic()
    transfer(alice, server, bytes(1_000_000))
    assert time.monotonic() - began > 1.0
    arrived = [packet for packet in lab.seen("server") if packet.payload]
    most = max(
        sum(len(packet.raw) for packet in arrived if 0.0 <= packet.time - first.time < 0.25)
        for first in arrived
    )
    assert most > 0.9 * 250_000, "in the best quarter of a second"


@natlab
@pytest.mark.parametrize("code", ["APDF", "EIM-SEQ"])
def test_a_ttl_that_runs_out_is_answered_from_where_it_did(lab: Lab, code: str) -> None:
    server, alice = lab.host("server"), lab.behind(code, "alice")
    lab.capture("alice")
    for _ in range(5):
        with alice.namespace.socket() as dialled:
            # one for the router, dead at the third beyond
            dialled.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 4)
            with pytest.raises(OSError, match="No route") as caught:
                dialled.connect((server.address, 443))
        assert caught.value.errno == errno.EHOSTUNREACH
    packets = lab.seen("alice")
    syns = [packet for packet in packets if packet.is_bare_syn]
    answers = [packet for packet in packets if not packet.is_bare_syn]
    assert {packet.source for packet in syns} == {alice.public}
    assert {packet.source for packet in answers} == {"5.255.2.3"}
    took = min(answer.time - syn.time for syn, answer in zip(syns, answers, strict=False))
    assert 0.0239 <= took < 0.030, "3 of 5 hops of 20 ms, there and back"


@natlab
def test_a_cable_that_is_pulled_passes_nothing_until_it_is_back(lab: Lab) -> None:
    server, alice = lab.host("server"), lab.behind("OPEN", "alice")
    with listening(server, 443):
        place = (server.address, 443)
        lab.cut("alice")
        with plain_dial(alice, place) as fate:
            assert fate is Stray.DROPPED
        lab.heal("alice")
        with plain_dial(alice, place) as fate:
            assert fate is Stray.ACCEPTED


@natlab
def test_what_is_blocked_between_two_does_not_touch_a_third(lab: Lab) -> None:
    server, alice, bob = lab.host("server"), lab.behind("OPEN", "alice"), lab.behind("OPEN", "bob")
    lab.block("alice", "bob")
    with listening(server, 443), listening(bob, 443):
        for there, fate in ((server, Stray.ACCEPTED), (bob, Stray.DROPPED)):
            with plain_dial(alice, (there.address, 443)) as got:
                assert got is fate


@natlab
def test_what_is_said_while_a_cable_is_pulled_arrives_when_it_is_back(lab: Lab) -> None:
    server, alice = lab.host("server"), lab.behind("APDF", "alice")
    with listening(server, 443) as listener, dial(alice.namespace, ("", 0), listener.getsockname()) as out:
        assert outcome(out) is Stray.ACCEPTED
        with listener.accept()[0] as into:
            into.settimeout(PATIENCE)
            lab.cut("alice")
            out.send(b"hello")
            with pytest.raises(TimeoutError):
                into.recv(5)
            lab.heal("alice")
            into.settimeout(10)
            assert into.recv(5) == b"hello"


@natlab
def test_a_detour_takes_longer_one_way_and_for_one_receiver_only(lab: Lab) -> None:
    hosts = [lab.host("server"), lab.behind("APDF", "alice"), lab.behind("APDF", "bob")]
    for host in hosts:
        lab.capture(host.name)
    lab.detour("server", "alice", 0.3)
    with listening(hosts[0], 443) as listener:
        for host in hosts[1:] * 3:
            with dial(host.namespace, ("", 0), listener.getsockname()) as dialled:
                assert outcome(dialled, 1.0) is Stray.ACCEPTED
    for host, longer in zip(hosts[1:], (0.3, 0.0), strict=True):
        (asked, answered), (arrived, left) = (
            [_seen_first(lab.seen(name), flags, host) for flags in (SYN, SYN | ACK)]
            for name in (host.name, "server")
        )
        # Nothing is too early; what a busy machine is late by, is least for the quickest.
        assert min(arrived[port] - asked[port] for port in asked) == pytest.approx(RTT / 2, abs=0.005)
        back = min(answered[port] - left[port] for port in answered)
        assert back == pytest.approx(RTT / 2 + longer, abs=0.005)


def _seen_first(packets: list[Packet], flags: int, host: Host) -> dict[int, float]:
    """When the first packet with these of SYN and ACK was seen that went from or to each port of a host."""
    found: dict[int, float] = {}
    for packet in packets:
        port = packet.source_port if packet.source == host.public else packet.target_port
        if host.public in (packet.source, packet.target) and packet.flags & (SYN | ACK) == flags:
            found.setdefault(port, packet.time)
    return found


@natlab
def test_a_host_that_moves_has_another_address_and_what_it_held_open_is_dead(lab: Lab) -> None:
    server, alice = lab.host("server"), lab.behind("APDF", "alice")
    cafe = lab.router("SYM-RAND", "cafe")
    with listening(server, 443) as listener, dial(alice.namespace, ("", 0), listener.getsockname()) as old:
        assert outcome(old) is Stray.ACCEPTED
        home, public = alice.address, alice.public
        with listener.accept()[0] as into:
            assert into.getpeername()[0] == public
            lab.unplug("alice")
            with pytest.raises(OSError, match="cannot dial") as caught:
                dial(alice.namespace, ("", 0), listener.getsockname())
            assert caught.value.errno == errno.ENETUNREACH
            lab.move("alice", cafe)
            assert alice.public == cafe.public != public
            with dial(alice.namespace, ("", 0), listener.getsockname()) as dialled:
                assert outcome(dialled) is Stray.ACCEPTED
            with listener.accept()[0] as there:
                assert there.getpeername()[0] == cafe.public
            old.send(b"hello")
            into.settimeout(PATIENCE)
            with pytest.raises(TimeoutError):
                into.recv(5)
        lab.move("alice")
        assert alice.address not in (home, "192.168.1.10")
        with plain_dial(alice, (server.address, 443)) as fate:
            assert fate is Stray.ACCEPTED


@natlab
def test_a_mapping_with_a_lifetime_ends_in_the_middle_of_a_talk() -> None:
    # No probe can tell a lifetime from a cut, so there is no other proof of it.
    brief = Kind("BRIEF", "a carrier that gives mappings for two seconds", "E", Translated(lifetime=2.0))
    with Scene(rtt=0.02) as scene:
        server, alice = scene.host("server"), scene.behind(brief, "alice")
        scene.capture("alice")
        began = time.monotonic()
        with (
            listening(server, 443) as listener,
            dial(alice.namespace, ("", 0), listener.getsockname()) as out,
        ):
            assert outcome(out) is Stray.ACCEPTED
            with listener.accept()[0] as into:
                out.send(b"?")
                assert into.recv(1) == b"?"
                while "untranslated" not in scene.stats()["ports"]["alice-router"]:
                    out.send(b"?")
                assert time.monotonic() - began >= 2.0
        passed = [packet.time for packet in scene.seen("alice") if packet.source == alice.public]
    assert passed[-1] - passed[0] < 2.25, "a quarter of a second lies between two looks at what is over"


@natlab
@pytest.mark.parametrize("code", ["APDF", "SYM-HASH"])
def test_a_router_that_gets_another_address_gives_up_what_the_old_one_held(code: str) -> None:
    with Lab(rtt=0.02) as lab:
        server, alice = lab.host("server"), lab.behind(code, "alice")
        with (
            listening(server, 443) as listener,
            dial(alice.namespace, ("", 0), listener.getsockname()) as out,
        ):
            assert outcome(out) is Stray.ACCEPTED
            old = alice.public
            with listener.accept()[0] as into:
                alice.router.renew()
                into.sendall(b"lost")
                out.setblocking(True)
                out.settimeout(PATIENCE)
                with pytest.raises(TimeoutError):
                    out.recv(4)
            seen = _observe(alice, listener)[1][0]
            assert seen == alice.public != old


@natlab
def test_a_private_address_does_not_cross_the_internet(lab: Lab) -> None:
    server, alice = lab.host("server"), lab.behind("APDF", "alice")
    lab.capture("server")
    alice.namespace.ip("address add 192.168.1.99/24 dev eth0")
    router = lab.routers["alice-router"].namespace
    router.nft("flush chain ip nat post")
    with plain_dial(alice, (server.address, 443)) as fate:
        assert fate is Stray.DROPPED
    assert lab.seen("server") == []
    assert lab.stats()["ports"]["alice-router"]["martian"] >= 1


@natlab
def test_ipv6_crosses_too_and_a_firewall_stands_before_it() -> None:
    with Lab(rtt=0.02, ipv6=True) as lab:
        server, alice = lab.host("server"), lab.behind("APDF", "alice")
        with listening(server, 443, server.addresses[1]), listening(alice, 5000, alice.addresses[1]):
            with plain_dial(alice, (server.addresses[1], 443)) as fate:
                assert fate is Stray.ACCEPTED
            with plain_dial(server, (alice.addresses[1], 5000)) as fate:
                assert fate is Stray.DROPPED


# -- the textbook punch -------------------------------------------------------------------


@natlab
@pytest.mark.parametrize("codes", [("APDF", "APDF"), ("EIM-SEQ", "RFC5382")])
def test_two_restricted_cones_are_punched_by_dialling_each_other_at_once(
    lab: Lab, codes: tuple[str, str]
) -> None:
    server = lab.host("server")
    alice, bob = (lab.behind(code, name) for code, name in zip(codes, ("alice", "bob"), strict=True))
    with listening(server, 443) as observer:
        took = min(_punch(alice, bob, observer) for _ in range(3))
    print(f"punched in {took * 1e3:.1f} ms, {took / RTT:.2f} RTT")
    assert took < 1.5 * RTT, "a busy machine adds least to the quickest"


def _punch(alice: Host, bob: Host, observer: socket.socket) -> float:
    """Let both dial each other from fresh ports; the seconds until both are connected."""
    ours, ours_mapped = _observe(alice, observer)
    theirs, theirs_mapped = _observe(bob, observer)
    with shared_socket(bob.namespace, ("", theirs)) as listener:
        listener.listen()
        with plain_dial(alice, theirs_mapped) as fate:
            assert fate is Stray.DROPPED, "nobody comes in where no hole was made"
    began = time.perf_counter()
    one = dial(alice.namespace, ("", ours), theirs_mapped)
    other = dial(bob.namespace, ("", theirs), ours_mapped)
    with one, other:
        assert outcome(one, 1.0) is outcome(other, 1.0) is Stray.ACCEPTED
        took = time.perf_counter() - began
        one.setblocking(True)
        other.setblocking(True)
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"
        assert one.getpeername() == theirs_mapped
    return took


@natlab
def test_two_firewalls_are_punched_by_ipv6_as_well() -> None:
    with Lab(rtt=RTT, ipv6=True) as lab:
        alice, bob = lab.behind("SYM-RAND", "alice"), lab.behind("SYM-RAND", "bob")
        places = [(host.addresses[1], 5000) for host in (alice, bob)]
        with listening(bob, 5000, bob.addresses[1]), plain_dial(alice, places[1]) as fate:
            assert fate is Stray.DROPPED
        one = dial(alice.namespace, ("::", 5000), places[1])
        other = dial(bob.namespace, ("::", 5000), places[0])
        with one, other:
            assert outcome(one, 1.0) is outcome(other, 1.0) is Stray.ACCEPTED


@natlab
def test_who_has_only_ipv4_reaches_nobody_by_ipv6() -> None:
    with Lab(rtt=0.02, ipv6=True) as lab:
        server = lab.host("server")
        alice, bob = lab.behind("APDF", "alice"), lab.behind("APDF", "bob", ipv6=False)
        assert (len(alice.addresses), len(bob.addresses)) == (2, 1)
        by_ipv4, by_ipv6 = ((address, 443) for address in server.addresses)
        with listening(server, 443), listening(server, 443, server.addresses[1]):
            for host, place in ((alice, by_ipv4), (alice, by_ipv6), (bob, by_ipv4)):
                with plain_dial(host, place) as fate:
                    assert fate is Stray.ACCEPTED
            with pytest.raises(OSError, match="cannot dial") as caught, plain_dial(bob, by_ipv6):
                pass
            assert caught.value.errno == errno.ENETUNREACH


# -- a router that maps on request --------------------------------------------------------


@natlab
def test_a_router_with_an_igd_lets_strangers_in_where_it_was_asked_to_and_nowhere_else(lab: Lab) -> None:
    server, alice = lab.host("server"), lab.behind("APDF", "alice", igd=True)
    by_pmp, by_pcp = (alice.public, 6001), (alice.public, 6002)
    with listening(alice, 5001), listening(alice, 5002):
        for place in (by_pmp, by_pcp):
            with plain_dial(server, place) as fate:
                assert fate is Stray.DROPPED
        # NAT-PMP (RFC 6886 §3.3): version 0, map TCP, internal and suggested external port, seconds
        _, _, result, _, internal, external, _ = struct.unpack(
            "!BBHIHHI", _ask_router(alice, struct.pack("!BBHHHI", 0, 2, 0, 5001, by_pmp[1], 60))
        )
        assert (result, internal, external) == (0, 5001, by_pmp[1])
        # PCP (RFC 6887 §7.1, §11.1): version 2, MAP, seconds, client; nonce, TCP, ports, any address
        mapped = socket.inet_pton(socket.AF_INET6, f"::ffff:{alice.address}")
        request = struct.pack("!BBHI16s", 2, 1, 0, 60, mapped)
        request += struct.pack("!12sB3xHH16s", b"nonce of 12.", 6, 5002, by_pcp[1], bytes(10) + b"\xff" * 2)
        answer = _ask_router(alice, request)
        assert struct.unpack_from("!BBxB", answer) == (2, 0x81, 0)
        assert struct.unpack_from("!HH16s", answer, 40) == (
            5002,
            by_pcp[1],
            socket.inet_pton(socket.AF_INET6, f"::ffff:{alice.public}"),
        )
        for place in (by_pmp, by_pcp):
            with plain_dial(server, place) as fate:
                assert fate is Stray.ACCEPTED
        with plain_dial(server, (alice.public, 5001)) as fate:
            assert fate is Stray.DROPPED
        # seconds 0: away with it
        _ask_router(alice, struct.pack("!BBHHHI", 0, 2, 0, 5001, 0, 0))
        with plain_dial(server, by_pmp) as fate:
            assert fate is Stray.DROPPED


@natlab
def test_a_router_with_an_igd_is_found_by_upnp_and_offers_the_service(lab: Lab) -> None:
    alice = lab.behind("APDF", "alice", igd=True)
    search = "\r\n".join(
        (
            "M-SEARCH * HTTP/1.1",
            "HOST: 239.255.255.250:1900",
            'MAN: "ssdp:discover"',
            "MX: 1",
            "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1",
            "\r\n",
        )
    )
    with alice.namespace.socket(kind=socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.sendto(search.encode(), ("239.255.255.250", 1900))
        fields = dict(line.split(": ", 1) for line in asker.recv(2048).decode().splitlines() if ": " in line)
    url = urlsplit({name.lower(): value for name, value in fields.items()}["location"])
    assert url.hostname == "192.168.1.1"
    with alice.namespace.socket() as reader:
        reader.settimeout(5)
        reader.connect((url.hostname, url.port))
        reader.sendall(f"GET {url.path} HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
        with reader.makefile("rb") as file:
            assert b"urn:schemas-upnp-org:service:WANIPConnection:" in file.read()


@natlab
def test_an_igd_behind_a_carrier_maps_nothing_that_the_internet_can_reach(lab: Lab) -> None:
    server, carrier = lab.host("server"), lab.router("APDF", "carrier", is_carrier=True)
    alice = lab.router("APDF", "home", under=carrier, igd=True).host("alice")
    with listening(alice, 5001):
        answer = _ask_router(alice, struct.pack("!BBHHHI", 0, 2, 0, 5001, 6001, 60))
        assert struct.unpack_from("!H", answer, 2) == (3,), (
            "network failure (RFC 6886 §3.5): no public address"
        )
        with plain_dial(server, (alice.public, 6001)) as fate:
            assert fate is Stray.DROPPED


# -- nothing stays behind -----------------------------------------------------------------


@natlab
def test_a_lab_ends_what_runs_in_it_and_leaves_nothing() -> None:
    with Scene() as scene:
        names = [space.name for space in (scene.host("one").namespace, scene.behind("APDF", "two").namespace)]
        sleeper = scene.hosts["two"].start("sleep", "1000")
        assert all(Path("/run/netns", name).exists() for name in names)
    assert sleeper.wait(30) == -signal.SIGTERM
    assert not any(Path("/run/netns", name).exists() for name in names)
    assert not scene.folder.exists()


@natlab
def test_what_a_killed_run_left_is_swept_and_a_living_run_is_not() -> None:
    script = (
        "import os, signal\nfrom tests.natlab.scene import Scene\nscene = Scene()\n"
        "host = scene.host('one')\nhost.start('sleep', '1000', stdout=-3)\n"
        "while not host.namespace.pids(): pass\n"
        "print(host.namespace.name, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    living = Namespace("living")
    try:
        root = Path(__file__).resolve().parents[2]
        killed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root, check=False)
        name = killed.stdout.decode().strip()
        assert killed.returncode == -signal.SIGKILL
        assert name.startswith(f"{PREFIX}-")
        swept = sweep()  # unless another run was faster
        assert living.name not in swept
        assert living.path.exists()
        assert not Path("/run/netns", name).exists()
    finally:
        living.remove()


# -- helpers ------------------------------------------------------------------------------


def listening(host: Host, port: int, address: str = "") -> socket.socket:
    listener = shared_socket(host.namespace, (address or host.address, port))
    listener.listen()
    return listener


def transfer(sender: Host, receiver: Host, data: bytes) -> bytes:
    """Carry bytes from one host to another over one TCP connection."""
    with listening(receiver, 443) as listener, sender.namespace.socket() as out:
        listener.settimeout(10)
        out.settimeout(10)
        out.connect((receiver.address, 443))
        accepted, _ = listener.accept()
        got = bytearray()

        def send() -> None:
            out.sendall(data)
            out.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        with accepted:
            accepted.settimeout(10)
            while chunk := accepted.recv(1 << 20):
                got += chunk
        thread.join()
    return bytes(got)


def _numbers_through(pause: float, **changes: float) -> Iterator[int]:
    """Send 400 numbered datagrams over a line that was changed; the numbers that arrive, in order."""
    with Scene(rtt=0.02) as scene:
        one, other = scene.host("one"), scene.host("other")
        for host in (one, other):
            scene.change(host.name, **changes)
        with (
            one.namespace.socket(kind=socket.SOCK_DGRAM) as out,
            other.namespace.socket(kind=socket.SOCK_DGRAM) as into,
        ):
            into.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)  # nothing is lost but on the wire
            into.bind((other.address, 5000))
            into.settimeout(10)
            for number in range(400):
                out.sendto(struct.pack("!I", number), (other.address, 5000))
                if pause:
                    time.sleep(pause)  # what is sent in one moment is overtaken by nothing
            while sum(ended := _ended(scene, one, other)) < 400:
                pass
            for _ in range(ended[0]):
                yield struct.unpack("!I", into.recv(4))[0]


def _ended(scene: Scene, sender: Host, receiver: Host) -> tuple[int, int]:
    """How many packets have arrived at the receiver, and how many that the sender sent are lost."""
    ports = scene.stats()["ports"]
    return ports[receiver.name].get("delivered", 0), ports[sender.name].get("lost", 0)


def _ask_router(host: Host, request: bytes) -> bytes:
    """Send one NAT-PMP or PCP request to the router of a home; its answer."""
    with host.namespace.socket(kind=socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.connect(("192.168.1.1", 5351))
        asker.send(request)
        return asker.recv(1100)


def _observe(host: Host, observer: socket.socket, local: int = 0) -> tuple[int, tuple[str, int]]:
    """Dial an observer from a port (0: a fresh one): that port, and what the observer saw.

    The mapping outlives it.
    """
    dialled = dial(host.namespace, ("", local), observer.getsockname())
    assert outcome(dialled) is Stray.ACCEPTED
    observer.settimeout(5)
    accepted, seen = observer.accept()
    local = dialled.getsockname()[1]
    dialled.close()
    accepted.close()
    return local, seen
