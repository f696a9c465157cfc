"""A long search over many targets: so many cases in all, by several processes, going on where it was stopped.

Everything stands in one folder: `tally.json` (cases and seconds of each target), `corpus/TARGET/` (what
libFuzzer found worth keeping), `found/TARGET-crash-…` (what broke a target) and `logs/TARGET`. The target on
which the least time was spent is next, so each gets as much as any other.
"""

import json
import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Final

SLICE: Final = 60
"Seconds of one search of one target."
_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


@dataclass
class Spent:
    """What was spent on one target."""

    cases: int = 0
    seconds: float = 0.0


class Tally:
    """The cases of all targets so far, kept in a file."""

    def __init__(self, path: Path, names: Collection[str]) -> None:
        self._path = path
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.spent = {name: Spent(**kept.get(name, {})) for name in names}

    @property
    def cases(self) -> int:
        """Cases of all targets."""
        return sum(spent.cases for spent in self.spent.values())

    def next(self, busy: Collection[str]) -> str | None:
        """Name the target on which the least time was spent, but for those being searched."""
        free = [name for name in self.spent if name not in busy]
        return min(free, key=lambda name: self.spent[name].seconds, default=None)

    def add(self, name: str, cases: int, seconds: float) -> None:
        """Count a search, and keep the tally: the file is whole at all times."""
        self.spent[name].cases += cases
        self.spent[name].seconds += seconds
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps({name: asdict(spent) for name, spent in self.spent.items()}, indent=1))
        written.replace(self._path)


@dataclass(frozen=True)
class _Search:
    name: str
    began: float
    known: int
    "Cases that libFuzzer runs first, because they were kept."


class Campaign:
    """The search of many targets.

    Args:
        folder: where everything of it stands.
        names: of the targets.
        search: forks a process that searches one target with these options of libFuzzer, writes its log to
            the path, and returns its process id.
    """

    def __init__(
        self, folder: Path, names: Collection[str], search: Callable[[str, Sequence[str], Path], int]
    ) -> None:
        for part in ("corpus", "found", "logs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.tally = Tally(folder / "tally.json", names)
        self.broken: set[str] = set()
        self._folder = folder
        self._search = search
        self._running: dict[int, _Search] = {}

    def run(self, cases: int, jobs: int, seconds: int = SLICE) -> None:
        """Search until so many cases have run in all. A target that broke is searched no further.

        Args:
            cases: of all targets together, those of earlier runs included.
            jobs: processes at a time.
            seconds: of each search.
        """
        while True:
            while len(self._running) < jobs and self.tally.cases < cases and self._start(seconds):
                pass
            if not self._running:
                return
            self._ended(*os.wait())

    def _start(self, seconds: int) -> bool:
        busy = {search.name for search in self._running.values()} | self.broken
        name = self.tally.next(busy)
        if name is None:
            return False
        corpus = self._folder / "corpus" / name
        corpus.mkdir(exist_ok=True)
        options = [
            f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=2048",
            f"-artifact_prefix={self._folder}/found/{name}-", str(corpus),
        ]  # fmt: skip
        search = _Search(name, monotonic(), len(list(corpus.iterdir())))
        self._running[self._search(name, options, self._log(name))] = search
        return True

    def _ended(self, child: int, status: int) -> None:
        search = self._running.pop(child)
        took = monotonic() - search.began
        executed = _EXECUTED.search(self._log(search.name).read_text(encoding="utf-8", errors="replace"))
        cases = 0 if executed is None else max(0, int(executed[1]) - search.known)
        self.tally.add(search.name, cases, took)
        if status != 0:
            self.broken.add(search.name)
        state = "BROKEN" if status else "stands"
        print(
            f"{search.name}: {state}, {cases:,} cases in {took:.0f} s; {self.tally.cases:,} in all",
            flush=True,
        )

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / name
