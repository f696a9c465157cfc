"""Live histories, and print what came of them.

`python -m tests.simulation [--seed N] [--seeds N] [--pairings N] [--people N] [--trace]`: clients, server.
`python -m tests.simulation nodes [--seed N] [--histories N] [--jobs N]`: matching, split into two nodes.
`python -m tests.simulation talks [--seed N] [--runs N] [--trace]`: one client with several talks at once.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation import nodes, talks
from tests.simulation.world import PEOPLE, World

_BATCH = 500


def main() -> None:
    """Read the options and live."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--pairings", type=int, default=1_250, help="pairings in each")
    parser.add_argument("--people", type=int, default=PEOPLE, help="people in each")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    commands = parser.add_subparsers(dest="command")
    two_nodes = commands.add_parser("nodes", help="short histories of two nodes and a bad bus")
    two_nodes.add_argument("--seed", type=int, default=0, help="the first seed")
    two_nodes.add_argument("--histories", type=int, default=2_000, help="how many seeds")
    two_nodes.add_argument("--jobs", type=int, default=1, help="processes")
    many = commands.add_parser("talks", help="short histories of one client with several talks at once")
    many.add_argument("--seed", type=int, default=1, help="the first seed")
    many.add_argument("--runs", type=int, default=300, help="how many seeds")
    many.add_argument("--trace", action="store_true", help="print everything that happens")
    options = parser.parse_args()
    if options.command == "nodes":
        live_nodes(options.seed, options.histories, options.jobs)
        return
    if options.command == "talks":
        began = time.perf_counter()
        counts = talks.run(options.seed, options.runs, say=print if options.trace else None)
        print(counts, f"({time.perf_counter() - began:.1f} s here)")
        return
    for seed in range(options.seed, options.seed + options.seeds):
        began = time.perf_counter()
        outcome = World(seed, people=options.people, say=print if options.trace else None).live(
            options.pairings
        )
        print(outcome, f"({time.perf_counter() - began:.1f} s here)", flush=True)


def live_nodes(first: int, histories: int, jobs: int) -> None:
    """Live short histories of two nodes; the first broken rule ends it with a traceback."""
    began = time.perf_counter()
    seeds = range(first, first + histories)
    batches = [seeds[at : at + _BATCH] for at in range(0, histories, _BATCH)]
    pairs = halves = happened = 0
    with ProcessPoolExecutor(jobs) as pool:
        for outcomes in pool.map(_live_batch, batches):
            pairs += sum(one.pairs for one in outcomes)
            halves += sum(one.halves for one in outcomes)
            happened += sum(one.happened for one in outcomes)
    seconds = time.perf_counter() - began
    print(
        f"{histories} histories from seed {first}: {pairs} pairs, 0 double, {halves} half and ended,"
        f" nobody reserved or waiting at the end; {happened} events, {seconds:.0f} s here"
    )


def _live_batch(seeds: range) -> list[nodes.Outcome]:
    return [nodes.live(seed) for seed in seeds]


if __name__ == "__main__":
    main()
