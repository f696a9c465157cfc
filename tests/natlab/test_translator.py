import random
import socket
import struct
from collections.abc import Iterable
from itertools import pairwise, product

import pytest

from tests.natlab import packets
from tests.natlab.nats import Allocation, Behaviour, Filtering, Mapping, Stray, Translated
from tests.natlab.packets import ACK, FIN, RST, SYN, TCP, Endpoint, checksum
from tests.natlab.translator import LATE, In, Out, Refuse, Translator

PUBLIC = socket.inet_aton("5.1.0.1")
ALICE: Endpoint = socket.inet_aton("192.168.1.10"), 5000
CAROL: Endpoint = socket.inet_aton("192.168.1.11"), 5000
BOB: Endpoint = socket.inet_aton("5.2.0.1"), 443
BOB_TOO: Endpoint = BOB[0], 8443
STRANGER: Endpoint = socket.inet_aton("5.3.0.1"), 443

MAPPINGS = [mapping for mapping in Mapping if mapping is not Mapping.NONE]
STRAYS = [stray for stray in Stray if stray is not Stray.ACCEPTED]


def segment(source: Endpoint, target: Endpoint, flags: int = SYN, sequence: int = 7) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", source[1], target[1], sequence, 0, 5 << 4, flags, 1024, 0, 0)
    pseudo = source[0] + target[0] + struct.pack("!HH", TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, TCP, 0) + source[0] + target[0]
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + tcp


def is_sound(packet: bytes) -> bool:
    pseudo = packet[12:20] + struct.pack("!HH", TCP, len(packet) - 20) if packet[9] == TCP else b""
    return checksum(packet[:20]) == 0 == checksum(pseudo + packet[20:])


class Nat:
    """A translator and a clock, spoken to in endpoints."""

    def __init__(self, behaviour: Behaviour | None = None, limits: Translated | None = None) -> None:
        self.now = 1000.0
        self.table = Translator(
            PUBLIC, behaviour or Behaviour(), limits or Translated(), dice=random.Random(1)
        )

    def out(self, target: Endpoint, flags: int = SYN, source: Endpoint = ALICE) -> Endpoint:
        """Let a packet out; from where it seems to come."""
        effect = self.table.leave(segment(source, target, flags), self.now)
        assert isinstance(effect, Out)
        assert is_sound(effect.packet)
        seen, there, _ = packets.ends(effect.packet)
        assert there == target
        return seen

    def into(self, source: Endpoint, target: Endpoint, flags: int = SYN) -> In | Refuse | None:
        return self.table.arrive(segment(source, target, flags), self.now)

    def comes_in(self, source: Endpoint, target: Endpoint, flags: int = SYN, to: Endpoint = ALICE) -> bool:
        effect = self.into(source, target, flags)
        if not isinstance(effect, In):
            return False
        assert is_sound(effect.packet)
        assert packets.ends(effect.packet)[:2] == (source, to)
        return True

    def connect(self, target: Endpoint) -> Endpoint:
        """Open a connection to its end; its public endpoint."""
        mapped = self.out(target)
        assert self.comes_in(target, mapped, SYN | ACK)
        self.out(target, ACK)
        return mapped


@pytest.mark.parametrize(
    ("mapping", "filtering", "allocation", "crossing"),
    [*product(MAPPINGS, Filtering, Allocation, (True, False))],
)
def test_mapping_filtering_allocation_and_crossing_are_each_for_itself(
    mapping: Mapping, filtering: Filtering, allocation: Allocation, crossing: bool
) -> None:
    stray = Stray.ACCEPTED if filtering is Filtering.NONE else Stray.DROPPED
    nat = Nat(Behaviour(mapping, filtering, allocation, stray, crossing))
    mapped = nat.connect(BOB)
    same_address, elsewhere = nat.out(BOB_TOO) == mapped, nat.out(STRANGER) == mapped
    assert {
        Mapping.ENDPOINT_INDEPENDENT: (True, True),
        Mapping.ADDRESS_DEPENDENT: (True, False),
        Mapping.PORT_DEPENDENT: (False, False),
    }[mapping] == (same_address, elsewhere)

    nat = Nat(Behaviour(mapping, filtering, allocation, stray, crossing))
    mapped = nat.connect(BOB)
    may = [nat.comes_in(who, mapped) for who in (BOB_TOO, STRANGER)]
    assert may == [filtering is not Filtering.PORT_DEPENDENT, filtering is Filtering.NONE]

    nat = Nat(Behaviour(mapping, filtering, allocation, stray, crossing))
    assert nat.comes_in(BOB, nat.out(BOB)) is crossing

    nat = Nat(Behaviour(mapping, filtering, allocation, stray, crossing))
    locals_ = [ALICE[1] + 7 * number for number in range(50)]
    ports = [nat.out(BOB, source=(ALICE[0], port))[1] for port in locals_]
    assert len(set(ports)) == len(ports)
    assert (ports == locals_) is (allocation is Allocation.PRESERVED)
    assert all(after - before == 1 for before, after in pairwise(ports)) is (
        allocation is Allocation.SEQUENTIAL
    )
    assert (max(ports) - min(ports) < 512) is (
        allocation in (Allocation.PRESERVED, Allocation.SEQUENTIAL, Allocation.BLOCK)
    )


@pytest.mark.parametrize(
    ("allocation", "same"), [(Allocation.FIXED, True), (Allocation.RANDOM, False), (Allocation.BLOCK, False)]
)
def test_only_a_fixed_port_is_the_same_after_all_is_forgotten(allocation: Allocation, same: bool) -> None:
    behaviour = Behaviour(Mapping.PORT_DEPENDENT, allocation=allocation)
    tables = [Translator(PUBLIC, behaviour, Translated(), random.Random(seed)) for seed in (1, 2)]
    left = [table.leave(segment(ALICE, BOB), 0.0) for table in tables]
    assert (left[0] == left[1]) is same


def test_two_who_use_the_same_local_port_get_two_public_ones() -> None:
    nat = Nat()
    assert nat.out(BOB, source=ALICE) == (PUBLIC, 5000)
    assert nat.out(BOB, source=CAROL) == (PUBLIC, 5001)
    assert nat.comes_in(BOB, (PUBLIC, 5001), to=CAROL)


def test_when_a_block_is_used_up_nothing_more_leaves() -> None:
    nat = Nat(Behaviour(Mapping.PORT_DEPENDENT, allocation=Allocation.BLOCK))
    ports = {nat.out(BOB, source=(ALICE[0], 2000 + number))[1] for number in range(512)}
    assert ports == set(range(40000, 40512))
    assert nat.table.leave(segment(ALICE, BOB), nat.now) is None


@pytest.mark.parametrize("crossing", [True, False])
@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_gets_the_answer_that_was_set(stray: Stray, crossing: bool) -> None:
    nat = Nat(Behaviour(stray=stray, crossing=crossing))
    mapped = nat.connect(BOB)
    for target in (mapped, (PUBLIC, 9)):  # mapped or not
        effect = nat.into(STRANGER, target)
        if stray is Stray.DROPPED:
            assert effect is None
            continue
        assert isinstance(effect, Refuse)
        assert is_sound(effect.answer)
        assert effect.after == (LATE if stray is Stray.LATE else 0.0)
        if stray is Stray.RESET:
            back, to, flags = packets.ends(effect.answer)
            assert (back, to, flags) == (target, STRANGER, RST | ACK)
            assert struct.unpack_from("!I", effect.answer, 28) == (8,), "its number and one for the SYN"
        else:
            assert effect.answer[12:20] == PUBLIC + STRANGER[0]
            assert effect.answer[20:22] == bytes((3, 3 if stray is Stray.LATE else 1))
            assert effect.answer[28:] == segment(STRANGER, target)


def test_what_is_no_syn_and_belongs_to_no_flow_gets_nothing() -> None:
    nat = Nat(Behaviour(stray=Stray.RESET))
    mapped = nat.connect(BOB)
    assert nat.into(STRANGER, mapped, ACK) is None
    assert nat.table.leave(segment(ALICE, STRANGER, ACK), nat.now) is None


def test_a_late_answer_is_not_given_if_we_dial_there_in_time() -> None:
    nat = Nat(Behaviour(stray=Stray.LATE))
    mapped = nat.connect(BOB)
    refused = nat.into(STRANGER, mapped)
    assert isinstance(refused, Refuse)
    assert not nat.table.is_wanted(refused)
    assert nat.out(STRANGER) == mapped
    assert nat.table.is_wanted(refused)


def test_who_has_all_the_connections_he_may_have_gets_another_when_one_has_ended() -> None:
    nat = Nat(limits=Translated(sessions=3, transitory=10.0))
    for port in (1, 2, 3):
        nat.out((BOB[0], port))
    assert nat.table.leave(segment(ALICE, BOB), nat.now) is None
    nat.out(BOB, source=CAROL)
    nat.now += 10.0
    nat.out(BOB)


def test_an_idle_connection_is_forgotten_after_its_time() -> None:
    nat = Nat(limits=Translated(established=100.0, transitory=10.0))
    mapped = nat.connect(BOB)
    nat.now += 99.0
    assert nat.comes_in(BOB, mapped, ACK)
    nat.now += 99.0
    assert nat.comes_in(BOB, mapped, ACK), "it was used in between"
    nat.now += 100.0
    assert not nat.comes_in(BOB, mapped, ACK)


@pytest.mark.parametrize("ends", [(), ((True, FIN | ACK), (False, FIN | ACK)), ((False, RST),)])
def test_what_is_being_opened_or_closed_is_forgotten_soon(ends: Iterable[tuple[bool, int]]) -> None:
    nat = Nat(limits=Translated(established=100.0, transitory=10.0))
    mapped = nat.connect(BOB) if ends else nat.out(BOB)
    for is_out, flags in ends:
        if is_out:
            nat.out(BOB, flags)
        else:
            assert nat.comes_in(BOB, mapped, flags)
    nat.now += 9.0
    assert nat.comes_in(BOB, mapped, RST)
    nat.now += 10.0
    assert not nat.comes_in(BOB, mapped, RST)


def test_a_mapping_may_end_although_it_is_used() -> None:
    nat = Nat(Behaviour(allocation=Allocation.SEQUENTIAL), Translated(lifetime=60.0))
    mapped = nat.connect(BOB)
    for _ in range(59):
        nat.now += 1.0
        assert nat.comes_in(BOB, mapped, ACK)
    nat.now += 1.0
    assert not nat.comes_in(BOB, mapped, ACK)
    assert nat.out(BOB) == (PUBLIC, mapped[1] + 1)


@pytest.mark.parametrize("hairpin", [True, False])
def test_two_inside_reach_each_other_only_by_hairpinning_and_under_public_endpoints(hairpin: bool) -> None:
    nat = Nat(Behaviour(filtering=Filtering.NONE, stray=Stray.ACCEPTED, hairpin=hairpin))
    hers = nat.out(BOB, source=CAROL)
    effect = nat.table.leave(segment(ALICE, hers), nat.now)
    if not hairpin:
        assert effect is None
        return
    assert isinstance(effect, In)
    assert is_sound(effect.packet)
    seen, to, _ = packets.ends(effect.packet)
    assert (seen[0], to) == (PUBLIC, CAROL)
    back = nat.table.leave(segment(CAROL, seen, SYN | ACK), nat.now)
    assert isinstance(back, In)
    assert packets.ends(back.packet)[:2] == (hers, ALICE)


def test_an_error_about_what_was_translated_is_translated_too_and_ends_nothing() -> None:
    nat = Nat(Behaviour(allocation=Allocation.FIXED))
    mapped = nat.out(BOB)
    error = packets.time_exceeded(segment(mapped, BOB), STRANGER[0])
    assert error is not None
    effect = nat.table.arrive(error, nat.now)
    assert isinstance(effect, In)
    assert is_sound(effect.packet)
    assert effect.packet[12:20] == STRANGER[0] + ALICE[0]
    assert effect.packet[28:] == segment(ALICE, BOB)
    assert nat.comes_in(BOB, mapped, SYN | ACK)
    for about in (segment(mapped, STRANGER), segment((PUBLIC, 9), BOB)):
        error = packets.unreachable(about, STRANGER[0], 1)
        assert nat.table.arrive(error, nat.now) is None, "about nothing it knows"


def test_what_lets_out_only_port_443_lets_out_only_port_443() -> None:
    nat = Nat(Behaviour(egress=False))
    nat.out(BOB)
    assert nat.table.leave(segment(ALICE, BOB_TOO), nat.now) is None


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(Mapping.NONE),
        Behaviour(poisoned=True),
        Behaviour(stray=Stray.ACCEPTED),
        Behaviour(filtering=Filtering.NONE),
    ],
)
def test_what_no_table_can_do_is_refused(behaviour: Behaviour) -> None:
    with pytest.raises(ValueError, match=r"cannot be|strays"):
        Nat(behaviour)
