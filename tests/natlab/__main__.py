"""Use the laboratory by hand; see `python -m tests.natlab --help`."""

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

from tests.natlab import matrix
from tests.natlab.classify import KindFailed, prove
from tests.natlab.lab import Lab, Line
from tests.natlab.namespaces import missing, sweep
from tests.natlab.nats import KINDS, OTHERS
from tests.natlab.scene import Host

_EPILOG = """
examples:
  python -m tests.natlab kinds
  python -m tests.natlab prove APDF SYM-RAND
  python -m tests.natlab run --rtt 0.08 alice=APDF bob=SYM-SEQ \\
      --in server 'python3 -m http.server' --in alice 'curl http://$SERVER:8000/' --pcap alice.pcap
  python -m tests.natlab run --same --hairpin alice=FC bob=FC --in alice 'floater headless …' --in bob '…'
  python -m tests.natlab run --carrier SYM-RAND --igd alice=APDF bob=FC --in alice '…'
  python -m tests.natlab run --detour server alice 0.3 alice=RST bob=ICMP --in alice '…' --in bob '…'
  python -m tests.natlab run alice=APDF bob=FC --at 5 'cut alice' --at 15 'heal alice' --at 20 'renew bob' \\
      --at 25 'move alice bob-router' --in alice '…' --in bob '…'

In the commands of `run`, $SERVER, $ALICE, … are the hosts' public addresses at the beginning; $SERVER2 is
the second one of the server. There is always a public host `server`, and alice's router is `alice-router`.
The scene ends when the last command given does. It can be told, at SECONDS after the commands began:
  cut NAME, heal NAME    pull the cable between the Internet and the router of NAME, and put it back
  unplug NAME            pull the cable between NAME and its router
  move NAME [ROUTER]     plug NAME in at another router, or at its own, under an address it never had
  renew NAME             give the router of NAME another public address
  forget NAME            switch the router of NAME off and on
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
    codes = [*KINDS, *OTHERS]
    prover.add_argument("kind", nargs="*", choices=[*codes, []], metavar="KIND", default=codes)
    prover.add_argument("--hairpin", action="store_true", help="with hairpinning, which not every kind can")
    runner = actions.add_parser("run", help="build a scene and run commands in it")
    runner.add_argument("host", nargs="+", metavar="NAME=KIND", help="a host behind a router of that kind")
    runner.add_argument("--in", dest="commands", nargs=2, action="append", metavar=("NAME", "COMMAND"))
    runner.add_argument("--same", action="store_true", help="put all behind one router, the first one's")
    runner.add_argument("--hairpin", action="store_true", help="let routers hairpin, if they can")
    runner.add_argument("--igd", action="store_true", help="let routers map ports by UPnP-IGD, PCP, NAT-PMP")
    runner.add_argument("--carrier", metavar="KIND", help="put each router behind a carrier's of that kind")
    runner.add_argument(
        "--detour",
        nargs=3,
        action="append",
        default=[],
        metavar=("FROM", "TO", "SECONDS"),
        help="let what one sends to another take longer, one way",
    )
    runner.add_argument(
        "--at",
        nargs=2,
        action="append",
        default=[],
        metavar=("SECONDS", "ORDER"),
        help="change something in mid-run; see below",
    )
    runner.add_argument(
        "--rtt", type=float, default=0.08, help="seconds between any two (default: %(default)s)"
    )
    runner.add_argument(
        "--jitter", type=float, default=0.0, help="seconds, for each line (default: %(default)s)"
    )
    runner.add_argument("--loss", type=float, default=0.0, help="share of packets, for each line")
    runner.add_argument("--reorder", type=float, default=0.0, help="share of packets, for each line")
    runner.add_argument("--seed", type=int, default=1, help="of the dice (default: %(default)s)")
    runner.add_argument("--ipv6", action="store_true", help="give everybody IPv6 as well …")
    runner.add_argument("--only-ipv4", nargs="*", default=[], metavar="NAME", help="… but these")
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
    return _prove(options.kind, options.hairpin) if options.action == "prove" else _run(options)


def _list() -> int:
    for kind in (*KINDS.values(), *OTHERS.values()):
        does = kind.behaviour
        print(f"{kind.code:<10} {kind.words}")
        print(f"{'':<10} mapping: {does.mapping} · port: {does.allocation} · filter: {does.filtering}")
        print(f"{'':<10} a stray SYN: {does.stray} · a crossing SYN: {'in' if does.crossing else 'nothing'}")
    return 0


def _prove(codes: list[str], hairpin: bool) -> int:
    failures = 0
    for code in codes:
        try:
            prove(code, hairpin=hairpin)
            print(f"{code:<10} as it should be")
        except (KindFailed, ValueError) as failure:
            failures += 1
            print(failure)
    return 1 if failures else 0


def _run(options: argparse.Namespace) -> int:
    line = Line(delay=options.rtt / 4, jitter=options.jitter, loss=options.loss, reorder=options.reorder)
    with Lab(rtt=options.rtt, ipv6=options.ipv6, seed=options.seed) as lab:
        server = lab.host("server", addresses=2, line=line)
        homes = [word.partition("=")[::2] for word in options.host]
        for name, kind in homes[:1] if options.same else homes:
            _put_up(lab, name, kind or "OPEN", options, line)
        if options.same:
            for name, _ in homes[1:]:
                lab.hosts[homes[0][0]].router.host(name)
        for sender, receiver, seconds in options.detour:
            lab.detour(sender, receiver, float(seconds))
        for file in options.pcap:
            lab.capture(Path(file).stem)
        names = {name.upper(): host.public for name, host in lab.hosts.items()}
        names["SERVER2"] = server.addresses[1]
        print("\n".join(_describe(host) for host in lab.hosts.values()), file=sys.stderr)
        running = [
            lab.hosts[name].start(
                "env", *(f"{key}={value}" for key, value in names.items()), "sh", "-c", command
            )
            for name, command in options.commands or []
        ]
        code = _wait(running, lab, sorted((float(seconds), order.split()) for seconds, order in options.at))
        for file in options.pcap:
            lab.export(Path(file).stem, Path(file))
        print(f"wire: {lab.stats()}", file=sys.stderr)
    return code


def _describe(host: Host) -> str:
    return f"{host.name}: {host.public}  ({shlex.join(host.prefix)} …)"


def _put_up(lab: Lab, name: str, kind: str, options: argparse.Namespace, line: Line) -> None:
    """Put up a home with one host."""
    carrier = None
    if options.carrier:
        carrier = lab.router(options.carrier, f"{name}-carrier", is_carrier=True, line=line)
    router = lab.router(
        kind,
        f"{name}-router",
        under=carrier,
        hairpin=options.hairpin,
        igd=options.igd,
        ipv6=name not in options.only_ipv4,
        line=line,
    )
    router.host(name)


def _wait(running: list[subprocess.Popen[bytes]], lab: Lab, orders: list[tuple[float, list[str]]]) -> int:
    """Wait for the last command, and give orders meanwhile; servers before it need not end."""
    if not running:
        return 0
    began = time.monotonic()
    try:
        for at, order in orders:
            try:
                return running[-1].wait(max(0.0, began + at - time.monotonic()))
            except subprocess.TimeoutExpired:
                _obey(lab, *order)
                print(f"{at:g} s: {' '.join(order)}", file=sys.stderr)
        return running[-1].wait()
    except KeyboardInterrupt:
        return 130


def _obey(lab: Lab, order: str, name: str, *rest: str) -> None:
    match order:
        case "cut":
            lab.cut(name)
        case "heal":
            lab.heal(name)
        case "unplug":
            lab.unplug(name)
        case "move":
            lab.move(name, *(lab.routers[router] for router in rest))
        case "renew":
            lab.hosts[name].router.renew()
        case "forget":
            lab.hosts[name].router.forget()
        case _:
            raise ValueError(f"{order} is no order; see --help")


if __name__ == "__main__":
    sys.exit(main())
