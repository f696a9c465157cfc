"""What the matrix measures, and the tables that are made of it.

A `Run` is one program's attempt to join one pair of hosts. Runs are kept as JSON lines, so
that a measurement can be interrupted, and gone on with.
"""

import itertools
import statistics
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from benchmarks.report import note, percentile, table
from tests.natlab.nats import KINDS, can_be_direct

RTT: Final = 0.08
"Seconds there and back between any two hosts of the matrix."
IN_TIME: Final = 4.0
"Seconds from `matched` within which a pair has to be direct."

ORDINARY: Final = ("OPEN", "FW", "FC", "ADF", "APDF", "APDF-NP")
"Kinds between which crossing SYNs are all that it takes."
_CONES: Final = "ERS"


class Pair(NamedTuple):
    """Two kinds of NAT."""

    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.one}×{self.other}"

    @property
    def can_be_direct(self) -> bool:
        """Whether any technique known joins them over TCP without a relay."""
        return can_be_direct(KINDS[self.one], KINDS[self.other])

    @property
    def technique(self) -> str:
        """The least that joins them."""
        groups = "".join(sorted(KINDS[self.one].group + KINDS[self.other].group))
        if not self.can_be_direct:
            return "relay"
        if set("AR") & set(groups):
            return "dial"
        if "N" in groups:
            return "birthday"
        if "B" in groups:
            return "block scan"
        return "prediction" if "Q" in groups else "crossing SYNs"

    @property
    def is_guessed(self) -> bool:
        """Whether ports have to be guessed, so that many SYNs go out."""
        return self.technique in ("prediction", "block scan", "birthday")

    @property
    def is_ordinary(self) -> bool:
        """Whether nothing but crossing SYNs is needed, and nothing answers strays."""
        return self.one in ORDINARY and self.other in ORDINARY

    @property
    def is_hard(self) -> bool:
        """Whether chance decides: a cone and a random symmetric NAT, or two that have port blocks."""
        return self.technique == "birthday" or (self.one, self.other) == ("SYM-BLOCK", "SYM-BLOCK")


class Setting(NamedTuple):
    """What the Internet does meanwhile."""

    skew: float = 0.0
    "Seconds by which the go comes later to the pair's second host than to its first."
    loss: float = 0.0
    "Share of the packets between any two hosts that is lost, each way."

    def __str__(self) -> str:
        return f"skew {self.skew * 1e3:+.0f} ms, loss {self.loss:.0%}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of an attempt. Times are seconds since both were told of each other; None: never."""

    usable: float | None = None
    "Until a word had gone each way and been acknowledged."
    relay: float | None = None
    "Until both had authenticated each other on a way through a relay."
    direct: float | None = None
    "Until both had taken a way without."
    proved: float | None = None
    "Until both had authenticated each other on that way; they may take it later."
    how: str = ""
    reason: str = ""
    "Why it is not direct, or not even connected, in the program's words."

    @property
    def is_direct(self) -> bool:
        """Whether it was direct in time."""
        return self.direct is not None and self.direct <= IN_TIME


class Run(Outcome, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt, and under which conditions."""

    program: str
    one: str
    other: str
    skew: float = 0.0
    loss: float = 0.0
    waves: tuple[int, ...] = ()
    "SYNs that the busier of the two sent to the other, in each wave. Not counted for most pairs."
    late: float = 0.0
    "The longest delay of a packet by the laboratory itself."

    @property
    def pair(self) -> Pair:
        """Whom it was to join."""
        return Pair(self.one, self.other)

    @property
    def setting(self) -> Setting:
        """Under which conditions."""
        return Setting(self.skew, self.loss)


def all_pairs(kinds: Iterable[str] = KINDS) -> list[Pair]:
    """Every unordered pair of kinds, each with itself too: 105 for the canonical set."""
    return list(itertools.starmap(Pair, itertools.combinations_with_replacement(kinds, 2)))


def read_runs(path: Path) -> list[Run]:
    """Read the runs of a file; none if there is no file. A last line that was cut off is left out."""
    if not path.exists():
        return []
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [msgspec.json.decode(line, type=Run) for line in whole]


def show(runs: Sequence[Run]) -> None:
    """Print all the tables that these runs give."""
    _connected(runs)
    _direct(runs)
    for program in _programs(runs):
        if plain := [run for run in runs if run.program == program and run.setting == Setting()]:
            _grid(program, plain)
    _ordinary(runs)
    _hard(runs)
    _short(runs)
    if late := [run.late for run in runs if run.late]:
        figures = " · ".join(f"p{share} {percentile(late, share) * 1e3:.1f}" for share in (50, 95, 100))
        note(f"the wire's own worst lateness in a run, ms: {figures}")


# -- the tables ---------------------------------------------------------------------------


def _connected(runs: Sequence[Run]) -> None:
    rows = []
    for program, setting in _conditions(runs):
        chosen = _of(runs, program, setting)
        short = {run.pair for run in chosen if run.usable is None}
        good = sum(run.usable is not None for run in chosen)
        rows.append([f"{program}, {setting}", *_share(chosen, good), *_pairs(chosen, short)])
    if rows:
        header = ["a word each way, by whatever way", "runs", "connected", "share", "pairs", "always"]
        table("Connected", header, rows)


def _direct(runs: Sequence[Run]) -> None:
    rows = []
    for program, setting in _conditions(runs):
        chosen = [run for run in _of(runs, program, setting) if run.pair.can_be_direct]
        if chosen:
            short = {run.pair for run in chosen if not run.is_direct}
            never = short - {run.pair for run in chosen if run.is_direct}
            good = sum(run.is_direct for run in chosen)
            rows.append(
                [f"{program}, {setting}", *_share(chosen, good), *_pairs(chosen, short), str(len(never))]
            )
    if rows:
        header = [f"direct within {IN_TIME:.0f} s", "runs", "direct", "share", "pairs", "always", "never"]
        table("Direct, where a pair can be", header, rows)


def _grid(program: str, runs: Sequence[Run]) -> None:
    """Which pairs were direct: the share in percent and the median time in round trips."""
    kinds = [kind for kind in KINDS if any(kind in run.pair for run in runs)]
    by_pair = _by_pair(runs)
    rows = []
    for at, kind in enumerate(kinds):
        cells = [_cell(by_pair.get(Pair(kind, other), [])) for other in kinds[at:]]
        rows.append([kind, *[""] * at, *cells])
    table(f"{program}: each pair at zero skew and no loss", ["", *kinds], rows)
    note("a figure: always direct in time, in so many round trips (median) · n %: so often ·")
    note("relay: not direct · (relay): nobody could · ✗: not connected")


def _cell(runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    times = [run.direct for run in runs if run.direct is not None and run.direct <= IN_TIME]
    if len(times) == len(runs):
        return f"{statistics.median(times) / RTT:.1f}"
    if times:
        return f"{len(times) / len(runs):.0%}"
    if any(run.relay is None for run in runs):
        return "✗"
    return "relay" if runs[0].pair.can_be_direct else "(relay)"


def _ordinary(runs: Sequence[Run]) -> None:
    rows = []
    for program, setting in _conditions(runs):
        chosen = [run for run in _of(runs, program, setting) if run.pair.is_ordinary]
        proved = [run.proved or run.direct for run in chosen]
        if setting.skew or not any(proved):
            continue
        taken = [run.direct for run in chosen if run.direct is not None]
        figures = [
            f"{percentile(times, share) / RTT:.2f}"
            for times in ([at for at in proved if at is not None], taken)
            for share in (50, 95, 99)
        ]
        rows.append([f"{program}, {setting}", *figures, str(len(chosen)), str(len(chosen) - len(taken))])
    if rows:
        header = [f"round trips of {RTT * 1e3:.0f} ms", "p50", "p95", "p99", "taken: p50", "p95", "p99"]
        table("From the go to both ends authenticated, ordinary pairs", [*header, "runs", "not direct"], rows)
        note(f"ordinary: both of {', '.join(ORDINARY)}.")
        note("floater: from `matched` to the receipt of the side that was verified first and verifies last,")
        note(
            "and to the choice of the way at both. floor: SYNs that cross (1) and TLS 1.3 (1½), bare, nothing"
        )
        note("above. textbook: SYNs that cross and a token each way, nothing secret. libp2p: from the dial")
        note("through the relay until both have a connection of its own.")


def _hard(runs: Sequence[Run]) -> None:
    rows = []
    for program, setting in _conditions(runs):
        for words, belongs in _HARD.items():
            chosen = [run for run in _of(runs, program, setting) if belongs(run.pair)]
            if not chosen:
                continue
            times = [run.direct for run in chosen if run.direct is not None and run.is_direct]
            usable = [run.usable for run in chosen if run.usable is not None]
            waves = [run.waves for run in chosen]
            rows.append(
                [
                    f"{words}: {program}, {setting}",
                    *_share(chosen, len(times)),
                    *([f"{percentile(times, share):.2f}" for share in (50, 95)] if times else ["–", "–"]),
                    str(max((max(sent, default=0) for sent in waves), default=0)),
                    str(max((len(sent) for sent in waves), default=0)),
                    f"{percentile(usable, 95):.2f}" if usable else "–",
                ]
            )
    if rows:
        header = ["hard pairs", "runs", f"in {IN_TIME:.0f} s", "share", "p50 s", "p95 s", "SYNs", "waves"]
        table("Pairs that chance decides", [*header, "usable, p95 s"], rows)
        note("SYNs: the most that one side sent in one wave, repetitions by the kernel left out; a wave ends")
        note(f"with {WAVE_GAP:.2f} s without any. usable: a word each way, over the relay or not")


WAVE_GAP: Final = 0.25
"Seconds without a new SYN that part two waves."

_HARD: Final[dict[str, Callable[[Pair], bool]]] = {
    "cone × SYM-RAND": lambda pair: pair.technique == "birthday",
    "SYM-BLOCK × SYM-BLOCK": lambda pair: pair == ("SYM-BLOCK", "SYM-BLOCK"),
}


def _short(runs: Sequence[Run]) -> None:
    """Name each cell that falls short, and why; cells with the same reason stand together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for program, setting in _conditions(runs):
        for pair, made in _by_pair(_of(runs, program, setting)).items():
            lost = [run for run in made if run.usable is None]
            bent = [run for run in made if run not in lost and pair.can_be_direct and not run.is_direct]
            for words, some in (("not connected", lost), ("not direct", bent)):
                for reason, times in Counter(run.reason or "no word of it" for run in some).items():
                    key = f"{program}, {setting}", f"{words}, {pair.technique} needed", reason
                    found.setdefault(key, []).append(f"{pair} {times}/{len(made)}")
    if found:
        print("\nWhat falls short")
    for key, cells in found.items():
        print(
            "\n".join(textwrap.wrap(f"{': '.join(key)}:", 108, initial_indent="  ", subsequent_indent="  "))
        )
        print(textwrap.fill(" · ".join(cells), 108, initial_indent="      ", subsequent_indent="      "))


# -- small things -------------------------------------------------------------------------


def _programs(runs: Iterable[Run]) -> list[str]:
    return list(dict.fromkeys(run.program for run in runs))


def _conditions(runs: Sequence[Run]) -> Iterator[tuple[str, Setting]]:
    for program in _programs(runs):
        settings = {run.setting for run in runs if run.program == program}
        for setting in sorted(settings, key=lambda one: (one.loss, abs(one.skew), one.skew)):
            yield program, setting


def _of(runs: Iterable[Run], program: str, setting: Setting) -> list[Run]:
    return [run for run in runs if run.program == program and run.setting == setting]


def _by_pair(runs: Iterable[Run]) -> dict[Pair, list[Run]]:
    found: dict[Pair, list[Run]] = {}
    for run in runs:
        found.setdefault(run.pair, []).append(run)
    return found


def _share(runs: Sequence[Run], good: int) -> list[str]:
    return [str(len(runs)), str(good), f"{good / len(runs):.1%}"]


def _pairs(runs: Sequence[Run], short: set[Pair]) -> list[str]:
    pairs = {run.pair for run in runs}
    return [str(len(pairs)), str(len(pairs - short))]
