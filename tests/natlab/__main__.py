"""Use the laboratory by hand; see `python -m tests.natlab --help`."""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from tests.natlab import matrix
from tests.natlab.classify import KindFailed, prove
from tests.natlab.lab import Lab, Line
from tests.natlab.namespaces import missing, sweep
from tests.natlab.nats import KINDS
from tests.natlab.scene import Host

_EPILOG = """
examples:
  python -m tests.natlab kinds
  python -m tests.natlab prove APDF SYM-RAND
  python -m tests.natlab run --rtt 0.08 alice=APDF bob=SYM-SEQ \\
      --in server 'python3 -m http.server' --in alice 'curl http://$SERVER:8000/' --pcap alice.pcap

In the commands of `run`, $SERVER, $ALICE, … are the hosts' public addresses.
There is always a public host `server`. The scene ends when the last command given does.
"""


def main() -> int:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.natlab",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("kinds", help="list the kinds of NAT")
    actions.add_parser("sweep", help="remove what killed runs left behind")
    prover = actions.add_parser("prove", help="probe kinds and compare them with the table")
    prover.add_argument("kind", nargs="*", choices=[*KINDS, []], metavar="KIND", default=list(KINDS))
    runner = actions.add_parser("run", help="build a scene and run commands in it")
    runner.add_argument("host", nargs="+", metavar="NAME=KIND", help="a host behind a router of that kind")
    runner.add_argument("--in", dest="commands", nargs=2, action="append", metavar=("NAME", "COMMAND"))
    runner.add_argument(
        "--rtt", type=float, default=0.08, help="seconds between any two (default: %(default)s)"
    )
    runner.add_argument(
        "--jitter", type=float, default=0.0, help="seconds, for each line (default: %(default)s)"
    )
    runner.add_argument("--loss", type=float, default=0.0, help="share of packets, for each line")
    runner.add_argument("--reorder", type=float, default=0.0, help="share of packets, for each line")
    runner.add_argument("--seed", type=int, default=1, help="of the dice (default: %(default)s)")
    runner.add_argument("--ipv6", action="store_true", help="give everybody IPv6 as well")
    runner.add_argument("--pcap", nargs="*", default=[], metavar="NAME.pcap", help="capture what NAME sees")
    matrix.add_options(actions.add_parser("matrix", help="measure every pair of kinds, and print the tables"))
    options = parser.parse_args()
    if options.action == "kinds":
        return _list()
    if (lack := missing()) is not None:
        parser.exit(2, f"{lack}\n")
    if options.action == "sweep":
        print("\n".join(sweep()) or "nothing was left behind")
        return 0
    if options.action == "matrix":
        return matrix.main(options)
    return _prove(options.kind) if options.action == "prove" else _run(options)


def _list() -> int:
    for kind in KINDS.values():
        does = kind.behaviour
        print(f"{kind.code:<10} {kind.words}")
        print(f"{'':<10} mapping: {does.mapping} · port: {does.allocation} · filter: {does.filtering}")
        print(f"{'':<10} a stray SYN: {does.stray} · a crossing SYN: {'in' if does.crossing else 'nothing'}")
    return 0


def _prove(codes: list[str]) -> int:
    failures = 0
    for code in codes:
        try:
            prove(code)
            print(f"{code:<10} as it should be")
        except KindFailed as failure:
            failures += 1
            print(failure)
    return 1 if failures else 0


def _run(options: argparse.Namespace) -> int:
    line = Line(delay=options.rtt / 4, jitter=options.jitter, loss=options.loss, reorder=options.reorder)
    with Lab(rtt=options.rtt, ipv6=options.ipv6, seed=options.seed) as lab:
        lab.host("server", line=line)
        for word in options.host:
            name, _, kind = word.partition("=")
            lab.behind(kind or "OPEN", name, line=line)
        for file in options.pcap:
            lab.capture(Path(file).stem)
        names = {name.upper(): host.public for name, host in lab.hosts.items()}
        print("\n".join(_describe(host) for host in lab.hosts.values()), file=sys.stderr)
        running = [
            lab.hosts[name].start(
                "env", *(f"{key}={value}" for key, value in names.items()), "sh", "-c", command
            )
            for name, command in options.commands or []
        ]
        code = _wait(running)
        for file in options.pcap:
            lab.export(Path(file).stem, Path(file))
        print(f"wire: {lab.stats()}", file=sys.stderr)
    return code


def _describe(host: Host) -> str:
    return f"{host.name}: {host.public}  ({shlex.join(host.prefix)} …)"


def _wait(running: list[subprocess.Popen[bytes]]) -> int:
    """Wait for the last command; servers before it need not end."""
    try:
        return running[-1].wait() if running else 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
