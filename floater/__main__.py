"""`floater`: read flags and environment, then start the face that was asked for."""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from floater import __version__, knobs
from floater.cli.console import forgive, speakable
from floater.cli.demo import Way, demo
from floater.cli.doctor import doctor
from floater.cli.headless import headless
from floater.cli.host import DEFAULT_LISTEN, host
from floater.cli.run import LEVELS, run
from floater.config import ClientConfig, default_data_dir
from floater.errors import FloaterError
from floater.languages import LANGUAGES, choose_language
from floater.log import set_up_log
from floater.loop import open_standard_descriptors
from floater.net.server_connect import parse_proxy
from floater.sentences import sentence
from floater.store.paths import expand
from floater.store.settings import SettingsFile, system_language


def main(argv: Sequence[str] | None = None) -> int:
    """Run `floater` and return its exit code. Without a face it is the window."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("--") and given[0] not in ("--help", "--version")):
        given.insert(0, "window")
    open_standard_descriptors()
    forgive()
    args = _parser().parse_args(given)
    try:
        match args.face:
            case "window":
                return _window(_config(args), args.size, args.log)
            case "headless":
                return run(headless(_config(args)), args.log)
            case "doctor":
                return run(doctor(_config(args)), args.log)
            case "demo":
                language = args.language or system_language(os.environ)
                return run(demo(args.way, language, args.pictures, os.environ), args.log)
            case "host":
                language = speakable(system_language(os.environ))
                return run(host(_host_folder(args.data_dir), args.listen, language, os.environ), args.log)
            case _:
                print(__version__)
                return 0
    except FloaterError as error:
        config = _config(args)
        words = sentence(f"code.{error.code.value}", _language_of(config), folder=config.data_dir)
        print(f"floater: {words}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="floater", description="Meet one random stranger and talk.")
    parser.add_argument("--version", action="version", version=__version__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--log", choices=LEVELS, default="warning", help="how much to log on stderr")
    client = argparse.ArgumentParser(add_help=False, parents=[common])
    knobs.add_flags(client, ClientConfig, ("data_dir", "server", "mail_folder", "proxy"))

    faces = parser.add_subparsers(dest="face", required=True, metavar="FACE")
    window = faces.add_parser("window", parents=[client], help="the window (what `floater` alone means)")
    window.add_argument(
        "--size",
        type=_geometry,
        metavar="WIDTHxHEIGHT[+LEFT+TOP]",
        help="default: as it was last time",
    )
    faces.add_parser("headless", parents=[client], help="the client for scripts: JSON lines")
    faces.add_parser("doctor", parents=[client], help="say what this network allows")
    hosting = faces.add_parser("host", parents=[common], help="run a server for the people around")
    hosting.add_argument("--data-dir", type=Path, help="default: `server` in the folder of the client")
    hosting.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT")
    playing = faces.add_parser("demo", parents=[common], help="show the main job, as well as can be here")
    ways = playing.add_mutually_exclusive_group()
    for way, words in (
        (Way.WINDOWS, "two windows on this screen"),
        (Way.OFFSCREEN, "two windows without a screen, played and pictured"),
        (Way.TERMINAL, "two clients without windows, in this terminal"),
    ):
        ways.add_argument(
            f"--{way.value}", dest="way", action="store_const", const=way, default=Way.BEST, help=words
        )
    playing.add_argument("--pictures", type=Path, metavar="DIR", help="where pictures go; default: a new one")
    playing.add_argument(
        "--language", type=choose_language, choices=LANGUAGES, help="default: as the system says"
    )
    faces.add_parser("version", parents=[common], help="print the version")
    return parser


def _geometry(text: str) -> tuple[tuple[int, int], tuple[int, int] | None]:
    size, *place = text.split("+")
    width, height = size.split("x")
    left, top = place or ("", "")
    return (int(width), int(height)), (int(left), int(top)) if place else None


def _window(config: ClientConfig, geometry: Any, level: str) -> int:
    try:
        app: Any = importlib.import_module("floater.desktop.app")
    except ImportError as error:
        print(sentence("window.missing", _language_of(config), name=error.name or ""), file=sys.stderr)
        return 1
    if not resources.files("floater.desktop").joinpath("page", "index.html").is_file():
        print(sentence("window.no_page", _language_of(config)), file=sys.stderr)
        return 1
    set_up_log(logging.getLevelNamesMapping()[level.upper()])
    code: int = app.run(config, *(geometry or ()))
    return code


def _language_of(config: ClientConfig) -> str:
    return speakable(SettingsFile(config.data_dir).language)


def _host_folder(given: Path | None) -> Path:
    try:
        return default_data_dir() / "server" if given is None else expand(str(given))
    except ValueError as error:
        sys.exit(f"floater: {error}")


def _config(args: argparse.Namespace) -> ClientConfig:
    try:
        config = knobs.read(ClientConfig, vars(args), os.environ)
        parse_proxy(config.proxy)
    except ValueError as error:
        sys.exit(f"floater: {error}")
    return config


if __name__ == "__main__":
    sys.exit(main())
