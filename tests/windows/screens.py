"""Take pictures of every screen and state into `docs/screens/`: `python -m tests.windows.screens`.

The real program, in both languages; which picture is taken how, `views_of` says.
`--all FOLDER` takes all of them in every way instead, to look through.
"""

import argparse
import asyncio
import io
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

from tests.helpers.window import Window, Windows
from tests.windows.tour import tour

TARGET: Final = Path(__file__).parents[2] / "docs" / "screens"
HEIGHT: Final = 760

View = tuple[str, str, int]
"Language, look, width."

WIDTHS: Final = (360, 1200)
LANGUAGES: Final = ("zh-CN", "en")
EVERY: Final[list[View]] = [
    (language, look, width)
    for language in LANGUAGES
    for look in ("light", "dark", "contrast")
    for width in WIDTHS
]
MAIN: Final = ("welcome", "home", "seeking", "greeting", "talk", "files-done", "ended", "settings")
"What everybody sees: each language in light and dark, narrow and wide, and once in high contrast."
TURNS: Final[list[list[View]]] = [
    [("zh-CN", "light", 360), ("en", "dark", 1200)],
    [("en", "light", 360), ("zh-CN", "dark", 1200)],
    [("zh-CN", "dark", 360), ("en", "light", 1200)],
    [("en", "dark", 360), ("zh-CN", "light", 1200)],
]
"The others take turns: each in both languages, both looks and both widths."


def views_of(number: int, name: str) -> list[View]:
    """How the state with this name and this number in the walk is pictured."""
    if name in MAIN:
        return [view for view in EVERY if view[1] != "contrast"] + [("zh-CN", "contrast", 360)]
    return TURNS[number % len(TURNS)]


async def take(folder: Path, *, every: bool) -> None:
    """Walk through the program in both languages and leave pictures, in every way or as `views_of` says."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp") if folder == TARGET else ():
        old.unlink()
    for language in LANGUAGES:
        seen: list[str] = []

        async def stop(window: Window, name: str, language: str = language, seen: list[str] = seen) -> None:
            seen.append(name)
            for view in EVERY if every else views_of(len(seen), name):
                if view[0] == language:
                    picture = await picture_of(window, *view[1:])
                    (folder / f"{name}-{'-'.join(map(str, view))}.webp").write_bytes(picture)

        with tempfile.TemporaryDirectory() as scratch:
            async with Windows() as windows:
                await tour(windows, Path(scratch), language, stop)


async def picture_of(window: Window, look: str, width: int) -> bytes:
    """Take one picture and leave the window as it was."""
    root = window.page.locator("html")
    before = await root.get_attribute("data-look")
    await window.page.mouse.move(0, 0)  # over nothing
    await window.page.set_viewport_size({"width": width, "height": HEIGHT})
    await root.evaluate(LOOK, look)
    await window.page.evaluate(SETTLED)
    taken = await window.page.screenshot(animations="allow", caret="hide")
    await root.evaluate(LOOK, before)
    return smaller(taken)


LOOK: Final = """(root, look) => {
  root.dataset.motion = "none";  // no colour half-way between two
  root.dataset.look = look;
}"""

SETTLED: Final = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def smaller(picture: bytes) -> bytes:
    """Make a picture small enough for a repository, and lose nothing of it."""
    file = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(file, "WEBP", lossless=True, quality=100, method=6)
    return file.getvalue()


def main() -> None:
    """Read the options and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument(
        "--all", type=Path, metavar="FOLDER", help="all of them in every way, into this folder"
    )
    options = parser.parse_args()
    asyncio.run(take(options.all or TARGET, every=options.all is not None))


if __name__ == "__main__":
    main()
