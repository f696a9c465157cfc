"""`floater-server run`: read flags and `FLOATER_*` variables, and serve until told to stop."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from floater import knobs
from floater.knobs import BadKnob
from floater.log import log_loop_errors, set_up_log
from floater.loop import new_event_loop, open_standard_descriptors
from server.app import running_server
from server.config import ServerConfig
from server.errors import CannotStart

EXIT_CANNOT_START: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Returns:
        0 after a goodbye, 2 if the server could not start.
    """
    open_standard_descriptors()
    try:
        config, level = read_config(sys.argv[1:] if argv is None else argv, os.environ)
        set_up_log(level)
        _raise_descriptor_limit()
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(config))
    except CannotStart as error:
        print(f"floater-server: {error}", file=sys.stderr)
        return EXIT_CANNOT_START
    return 0


async def _serve(config: ServerConfig) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP."""
    loop = asyncio.get_running_loop()
    log_loop_errors(loop, logging.getLogger("server.app"))
    told_to_stop = asyncio.Event()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # Windows: Ctrl-C ends the program by itself
            loop.add_signal_handler(getattr(signal, name), told_to_stop.set)
    async with running_server(config) as server:
        print(json.dumps({"event": "ready", "url": server.url}), flush=True)
        await told_to_stop.wait()


def _raise_descriptor_limit() -> None:
    """Ask the system for as many connections as it will give."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# -- options ------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Turn a wrong flag down."""
        raise CannotStart(f"{message}; see floater-server run --help.")


def read_config(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[ServerConfig, int]:
    """Read flags, then `FLOATER_*` variables, then the file that `--config` names, then defaults.

    Returns:
        The knobs, and the level of the log.

    Raises:
        CannotStart: a flag, variable or file that is not known or makes no sense.
    """
    parser = _Parser(
        prog="floater-server",
        description="The server of FLOATER: accounts, matching, observers, relay. It never sees a word.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="run", parser_class=_Parser)
    run = commands.add_parser(
        "run", help="serve until told to stop", description="Each option is also FLOATER_<OPTION>."
    )
    knobs.add_flags(run, ServerConfig)
    try:
        config = knobs.read(ServerConfig, vars(parser.parse_args(argv)), environ)
    except BadKnob as error:
        raise CannotStart(str(error)) from error
    return config, logging.getLevelNamesMapping()[config.log_level.upper()]


if __name__ == "__main__":
    sys.exit(main())
