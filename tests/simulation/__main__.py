"""`python -m tests.simulation [pairings | talks] [--seed N] …`: live a seed, or many."""

import argparse
import time

from tests.simulation import talks
from tests.simulation.world import PEOPLE, World


def main() -> None:
    """Read the options and live."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=main.__doc__)
    parser.add_argument("what", nargs="?", default="pairings", choices=("pairings", "talks"))
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--pairings", type=int, default=1_250, help="pairings in each")
    parser.add_argument("--people", type=int, default=PEOPLE, help="people in each")
    parser.add_argument("--runs", type=int, default=1, help="for talks: how many seeds")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    options = parser.parse_args()
    say = print if options.trace else None
    began = time.perf_counter()
    if options.what == "talks":
        print(talks.run(options.seed, options.runs, say=say))
        print(f"({time.perf_counter() - began:.1f} s here, {time.process_time():.1f} s of a processor)")
        return
    for seed in range(options.seed, options.seed + options.seeds):
        began = time.perf_counter()
        outcome = World(seed, people=options.people, say=say).live(options.pairings)
        print(outcome, f"({time.perf_counter() - began:.1f} s here)", flush=True)


main()
