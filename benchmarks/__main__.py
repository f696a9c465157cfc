"""`python -m benchmarks [NAME …]`: run all or the named benchmarks, each in a process of its own."""

import subprocess
import sys

NAMES = "meeting classes handover latency flood file memory doors window talkative".split()


def main() -> None:
    """Run them one after the other."""
    wanted = sys.argv[1:] or NAMES
    if unknown := set(wanted) - set(NAMES):
        raise SystemExit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in wanted:
        print(f"\n=== {name} ===", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


main()
