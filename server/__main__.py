"""`floater-server run`: read flags and `FLOATER_*` variables, and serve until told to stop."""

import argparse
import ast
import asyncio
import inspect
import json
import logging
import math
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn, get_type_hints

from floater.log import log_loop_errors, set_up_log
from floater.loop import new_event_loop
from server import config as config_module
from server.app import running_server
from server.config import ServerConfig
from server.errors import CannotStart

EXIT_CANNOT_START: Final = 2
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})
_MAY_BE_ZERO: Final = "JITTER"
_LEVELS: Final = ("debug", "info", "warning", "error")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Returns:
        0 after a goodbye, 2 if the server could not start.
    """
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
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    log_loop_errors(loop, logging.getLogger("server.app"))
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends the program by itself
            loop.add_signal_handler(number, told_to_stop.set)
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
    """Read flags, then `FLOATER_*` variables, then defaults.

    Returns:
        The knobs, and the level of the log.

    Raises:
        CannotStart: a flag or variable that is not known or makes no sense.
    """
    parser = _Parser(
        prog="floater-server",
        description="The server of FLOATER: accounts, matching, observers, relay. It never sees a word.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="run", parser_class=_Parser)
    run = commands.add_parser(
        "run", help="serve until told to stop", description="Each option is also FLOATER_<OPTION>."
    )
    hints = get_type_hints(ServerConfig)
    sentences = _sentences(config_module, ServerConfig.__name__)
    for field in fields(ServerConfig):
        _add_option(run, field, hints[field.name], sentences[field.name])
    run.add_argument("--log-level", choices=_LEVELS, help="How much is logged. Default: info")
    given = vars(parser.parse_args(argv))
    level = given.get("log_level") or environ.get("FLOATER_LOG_LEVEL", "info").lower()
    if level not in _LEVELS:
        raise CannotStart(f"FLOATER_LOG_LEVEL: {level!r} is not one of {', '.join(_LEVELS)}.")
    values: dict[str, Any] = {}
    for field in fields(ServerConfig):
        name, variable = field.name, f"FLOATER_{field.name.upper()}"
        if given[name] is not None:
            values[name] = _read_value(_flag(name), hints[name], given[name])
        elif variable in environ:
            values[name] = _read_value(variable, hints[name], environ[variable])
    if "data_dir" not in values:
        raise CannotStart("--data-dir DIR (or FLOATER_DATA_DIR) is needed: the folder for database and keys.")
    return ServerConfig(**values), int(logging.getLevelNamesMapping()[level.upper()])


def _add_option(run: argparse.ArgumentParser, field: "Field[Any]", hint: Any, sentence: str) -> None:
    default = "" if field.default in (MISSING, "", None, ()) else f" Default: {field.default}"
    text = (sentence + default).replace("%", "%%")
    if hint is bool:
        run.add_argument(_flag(field.name), action=argparse.BooleanOptionalAction, default=None, help=text)
    elif hint == tuple[str, ...]:
        run.add_argument(_flag(field.name), action="append", metavar="HOST:PORT", help=text)
    else:
        kinds = {float: "NUMBER", int: "NUMBER", str: "TEXT"}
        run.add_argument(_flag(field.name), metavar=kinds.get(hint, "DIR"), help=text)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read_value(source: str, hint: Any, value: Any) -> Any:
    """Read one value; `value` is text, or already what a flag made of it."""
    try:
        if hint is bool:
            return value if isinstance(value, bool) else _read_bool(value)
        if hint == tuple[str, ...]:
            return tuple(value if isinstance(value, list) else value.replace(",", " ").split())
        if hint is int or hint is float:
            number = hint(value)
            least = 0 if hint is int or source.upper().endswith(_MAY_BE_ZERO) else 1e-3
            if not math.isfinite(number) or number < least:
                raise ValueError
            return number
        if hint is str:
            return value
        if not value:
            raise ValueError
        return Path(value).expanduser()
    except ValueError as error:
        raise CannotStart(f"{source}: {value!r} makes no sense there.") from error


def _read_bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


def _sentences(module: ModuleType, class_name: str) -> dict[str, str]:
    """Read the sentence that stands under each field of a class."""
    tree = ast.parse(inspect.getsource(module))
    body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == class_name)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


if __name__ == "__main__":
    sys.exit(main())
