"""The matrix, on a pair of each class that a technique joins, and the bookkeeping around it."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.natlab.classify import plain_dial
from tests.natlab.lab import Lab
from tests.natlab.matrix import Log
from tests.natlab.nats import KINDS, Stray
from tests.natlab.packets import SYN, TCP, Packet
from tests.natlab.peers.floater import Floater
from tests.natlab.peers.textbook import Floor, Rendezvous, Textbook
from tests.natlab.rows import RTT, Pair, Run, Setting, all_pairs, read_runs, show
from tests.natlab.town import Town, count_waves

natlab = pytest.mark.natlab
SKEWED = Setting(skew=0.3)
JOINED = {
    Pair("OPEN", "SYM-RAND"): Setting(),
    Pair("APDF", "APDF-NP"): Setting(),
    Pair("RST", "RST"): SKEWED,
    Pair("APDF", "SYNBLOCK"): Setting(),
    Pair("RST", "SYM-SEQ"): Setting(),
    Pair("APDF", "SYM-BLOCK"): Setting(),
    Pair("APDF", "SYM-RAND"): Setting(),
}
RELAYED = {Pair("SYNBLOCK", "SYNBLOCK"): Setting(), Pair("EGRESS", "SYM-RAND"): Setting()}


def town_of(lab: Lab, *pairs: Pair) -> Town:
    return Town(lab, [kind for kind in KINDS if any(kind in pair for pair in pairs)])


@natlab
@pytest.mark.asyncio
@pytest.mark.timeout(400)
async def test_pairs_of_every_class_talk_and_as_directly_as_they_can(tmp_path: Path) -> None:
    with Lab(rtt=RTT) as lab:
        town = town_of(lab, *JOINED, *RELAYED)
        async with Floater.settled(town, tmp_path) as floater:
            runs = [await town.join(floater, *each) for each in (JOINED | RELAYED).items()]
    show(runs)
    assert [str(run.pair) for run in runs if run.usable is None] == []
    assert {run.pair for run in runs if run.is_direct} == set(JOINED), [run.reason for run in runs]
    assert {run.pair for run in runs if run.relay is not None} >= set(RELAYED)


@natlab
@pytest.mark.asyncio
async def test_who_dials_plainly_where_no_hole_was_made_does_not_come_in() -> None:
    with Lab(rtt=RTT) as lab:
        town = town_of(lab, pair := Pair("APDF", "APDF-NP"))
        one, other = town.hosts(pair)
        rendezvous = Rendezvous(town)
        async with AsyncExitStack() as stack:
            stack.callback(rendezvous.close)
            known, _ = await stack.enter_async_context(rendezvous.registered(other))
            stack.enter_context(known.shared()).listen()
            with plain_dial(one, known.public) as fate:
                assert fate is Stray.DROPPED
        floor = Floor(rendezvous := Rendezvous(town))
        runs = [await town.join(floor, pair, Setting()) for _ in range(5)]
        rendezvous.close()
    quickest = min(run.direct for run in runs if run.direct is not None)
    assert 2.5 * RTT <= quickest < 4.0 * RTT, "SYNs that cross, TLS 1.3"


@natlab
@pytest.mark.asyncio
async def test_the_textbook_joins_whom_it_can_and_no_others() -> None:
    with Lab(rtt=RTT) as lab:
        town = town_of(lab, pair := Pair("APDF", "APDF"), hard := Pair("APDF", "SYM-SEQ"))
        textbook = Textbook(rendezvous := Rendezvous(town))
        easy, no = [await town.join(textbook, each, Setting()) for each in (pair, hard)]
        rendezvous.close()
    assert easy.is_direct
    assert not no.is_direct
    assert no.waves == (1,), "the kernel's repetitions are none"


# -- the bookkeeping ----------------------------------------------------------------------


def test_every_pair_needs_the_technique_that_the_table_of_pairs_says() -> None:
    pairs = all_pairs()
    found = [pair.technique for pair in pairs]
    assert len(pairs) == 105
    assert found.count("dial") + found.count("crossing SYNs") == 63, "what the textbook can do"
    assert {word: found.count(word) for word in ("prediction", "block scan", "birthday", "relay")} == {
        "prediction": 8,
        "block scan": 9,
        "birthday": 7,
        "relay": 18,
    }
    assert Pair("SYM-RAND", "APDF").technique == Pair("APDF", "SYM-RAND").technique == "birthday"


def test_syns_are_counted_by_waves_and_without_the_kernels_repetitions() -> None:
    def syn(time: float, port: int, sequence: int = 1, sender: str = "a") -> Packet:
        return Packet(time, sender, "b", 64, TCP, 5000, port, SYN, sequence)

    first = [syn(at / 1_000, port=at) for at in range(100)]
    again = [syn(1.0 + at / 1_000, port=at) for at in range(100)]
    second = [syn(1.05 + at / 1_000, port=at, sequence=2) for at in range(30)]
    foreign = [syn(0.5, port=1, sender="c")]
    packets = sorted([*first, *again, *second, *foreign], key=lambda packet: packet.time)
    assert count_waves(packets, "a", "b") == (100, 30)
    assert count_waves(packets, "b", "a") == (0,)


def test_what_was_measured_counts_and_what_is_missing_is_made_round_by_round(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    one, other = Pair("APDF", "RST"), Pair("RST", "RST")
    log = Log(path)
    log.add(Run(program="floater", one="APDF", other="RST", direct=0.2), 0)
    with path.open("ab") as file:
        file.write(b'{"program":"floa')
    assert [run.direct for run in read_runs(path)] == [0.2]
    again = Log(path)
    wanted = {(one, Setting()): 2, (other, Setting()): 2, (one, SKEWED): 1, (other, SKEWED): 2}
    todo = again.missing("floater", wanted)
    assert again.missing("textbook", {(one, Setting()): 1}) == [(one, Setting())]
    assert todo == [
        (other, Setting()),
        (one, SKEWED),
        (other, SKEWED),
        (one, Setting()),
        (other, Setting()),
        (other, SKEWED),
    ]


def test_a_pair_that_falls_short_stands_in_the_tables_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = Run(program="floater", one="APDF", other="APDF", usable=0.4, direct=0.2)
    bent = Run(program="floater", one="APDF", other="SYM-SEQ", usable=0.4, relay=0.3, reason="no luck")
    lost = Run(program="floater", one="EGRESS", other="EGRESS", skew=-0.3, reason="no_path")
    show([good, bent, lost])
    told = capsys.readouterr().out
    assert "not direct, prediction needed: no luck:\n      APDF×SYM-SEQ 1/1" in told
    assert "floater, skew -300 ms, loss 0%: not connected, relay needed: no_path" in told
    assert "APDF×APDF" not in told.partition("What falls short")[2]
