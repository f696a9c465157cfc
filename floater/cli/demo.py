"""`floater demo`: show the main job in the best way that this computer allows.

On a screen two windows open. Without a screen, two windows are played offscreen
and pictured; where windows cannot run at all, two headless clients play in the
terminal.
"""

import asyncio
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any

from floater.cli.console import speakable
from floater.cli.playground import NoWindows
from floater.cli.terminal import play_in_terminal
from floater.cli.windows import show_windows
from floater.errors import FloaterError
from floater.languages import choose_language
from floater.sentences import sentence


class Way(Enum):
    """The ways to show the demo."""

    BEST = "best"
    WINDOWS = "windows"
    OFFSCREEN = "offscreen"
    TERMINAL = "terminal"


async def demo(way: Way, language: str, pictures: Path | None, environment: Mapping[str, str]) -> int:
    """Run the demo and return the exit code: 0 if every step succeeded."""
    chosen, wanted = choose_language(language), way
    spoken = speakable(chosen)
    missing = "" if way is Way.TERMINAL else await _missing(way)
    if missing and way is not Way.BEST:
        print(sentence("window.missing", spoken, name=missing), file=sys.stderr)
        return 1
    if way is Way.BEST:
        way = _best(spoken, missing, has_screen=has_screen(environment))
    try:
        match way:
            case Way.WINDOWS:
                return await show_windows(chosen)
            case Way.OFFSCREEN:
                module: Any = importlib.import_module("floater.cli.offscreen")
                code: int = await module.play_offscreen(chosen, pictures)
                return code
            case _:
                return await play_in_terminal(spoken)
    except NoWindows as error:
        if wanted is not Way.BEST:
            print(sentence("demo.failed", spoken), error, file=sys.stderr)
            return 1
        print(sentence("demo.no_windows", spoken, name=error), flush=True)
        return await play_in_terminal(spoken)
    except FloaterError as error:
        print(f"floater: {sentence(f'code.{error.code.value}', spoken)}", file=sys.stderr)
        return 1


def has_screen(environment: Mapping[str, str]) -> bool:
    """Return whether this computer has a screen for windows."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _best(language: str, missing: str, *, has_screen: bool) -> Way:
    if missing:
        print(sentence("demo.no_windows", language, name=missing), flush=True)
        return Way.TERMINAL
    if has_screen:
        return Way.WINDOWS
    if importlib.util.find_spec("playwright") is None:
        print(sentence("demo.no_screen_here", language), flush=True)
        return Way.TERMINAL
    print(sentence("demo.no_screen", language), flush=True)
    return Way.OFFSCREEN


async def _missing(way: Way) -> str:
    """Return what is missing for windows here; empty if nothing is."""
    if not resources.files("floater.desktop").joinpath("page", "index.html").is_file():
        return "floater/desktop/page"
    if way is Way.OFFSCREEN and importlib.util.find_spec("playwright") is None:
        return "playwright"
    # In a process of its own: the import fails if a library is missing, and Qt is large.
    trying = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import PyQt6.QtWebEngineWidgets, PyQt6.QtWebChannel"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    _, said = await trying.communicate()
    if trying.returncode == 0:
        return ""
    return (said.decode("utf-8", "replace").strip().splitlines() or ["PyQt6"])[-1].removeprefix(
        "ImportError: "
    )
