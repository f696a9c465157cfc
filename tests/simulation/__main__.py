"""`python -m tests.simulation [--seed N] [--seeds N] [--pairings N] [--trace]`: live a seed, or many."""

import argparse
import time

from tests.simulation.world import PEOPLE, World


def main() -> None:
    """Read the options and live."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--pairings", type=int, default=1_250, help="pairings in each")
    parser.add_argument("--people", type=int, default=PEOPLE, help="people in each")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.seeds):
        began = time.perf_counter()
        outcome = World(seed, people=options.people, say=print if options.trace else None).live(
            options.pairings
        )
        print(outcome, f"({time.perf_counter() - began:.1f} s here)", flush=True)


main()
