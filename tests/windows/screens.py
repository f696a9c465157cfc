"""Take pictures of every screen and state into `docs/screens/`: `python -m tests.windows.screens`.

The real program, in both languages; which picture is taken how, `LOOKS` says.
`--all FOLDER` takes all of them in every way instead, to look through.
"""

import argparse
import asyncio
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from tests.helpers.window import Window, Windows
from tests.windows.tour import tour

TARGET: Final = Path(__file__).parents[2] / "docs" / "screens"
MAX_BYTES: Final = 100_000
HEIGHT: Final = 760

View = tuple[str, str, int]
"Language, look, width."

WIDTHS: Final = (360, 460, 1200)
EVERY: Final[list[View]] = [
    (language, look, width)
    for language in ("zh-CN", "en")
    for look in ("light", "dark", "contrast")
    for width in WIDTHS
]
_ZH: Final = ("zh-CN", "light", 460)
_EN: Final = ("en", "light", 460)
_ZH_DARK: Final = ("zh-CN", "dark", 460)
_EN_DARK: Final = ("en", "dark", 460)

LOOKS: Final[dict[str, list[View]]] = {
    "welcome": [_ZH, _EN, ("zh-CN", "dark", 360), ("zh-CN", "light", 1200)],
    "server": [_EN],
    "server-hosted": [_ZH],
    "sign-up-refused": [_EN],
    "check-mail": [_ZH],
    "log-in-refused": [_ZH_DARK],
    "forgot": [_EN_DARK],
    "reset": [_EN],
    "home": [_ZH, ("en", "dark", 360), ("zh-CN", "light", 1200), ("zh-CN", "contrast", 460)],
    "ended": [_EN],
    "offline": [_ZH],
    "settings": [_ZH, _EN_DARK],
    "settings-end": [_EN, ("zh-CN", "contrast", 360)],
    "shortcuts": [_EN],
    "address": [_ZH, ("en", "light", 360)],
    "seeking": [_ZH],
    "connecting": [_EN],
    "greeting": [_ZH],
    "greeting-you": [_EN_DARK],
    "greeting-peer": [_ZH],
    "talk-empty": [_EN],
    "talk": [_ZH, _EN, _ZH_DARK, ("en", "dark", 1200), ("zh-CN", "light", 360), ("en", "contrast", 460)],
    "emoji": [_ZH],
    "link": [_EN],
    "hang-up": [_ZH],
    "toast": [_EN],
    "files-offered": [_EN],
    "files-done": [_ZH, _EN_DARK],
    "files-paused": [_ZH],
    "lightbox": [_EN_DARK],
    "unread": [_ZH],
    "away": [_EN],
    "failed": [_ZH],
}


async def take(folder: Path, looks: dict[str, list[View]] | None) -> None:
    """Walk through the program in both languages and leave pictures; None: all, in every way."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("zh-CN", "en"):

        async def stop(window: Window, name: str, language: str = language) -> None:
            views = EVERY if looks is None else looks.get(name, [])
            for view in views:
                if view[0] == language:
                    picture = await picture_of(window, *view[1:])
                    (folder / f"{name}-{'-'.join(map(str, view))}.png").write_bytes(picture)

        with tempfile.TemporaryDirectory() as scratch:
            async with Windows() as windows:
                await tour(windows, Path(scratch), language, stop)


async def picture_of(window: Window, look: str, width: int) -> bytes:
    """Take one picture and leave the window as it was."""
    root = window.page.locator("html")
    before = await root.get_attribute("data-look")
    await window.page.set_viewport_size({"width": width, "height": HEIGHT})
    await root.evaluate("(root, look) => (root.dataset.look = look)", look)
    await window.page.evaluate(SETTLED)
    taken = await window.page.screenshot(animations="allow", caret="hide")
    await root.evaluate("(root, look) => (root.dataset.look = look)", before)
    return smaller(taken)


SETTLED: Final = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def smaller(picture: bytes) -> bytes:
    """Make a picture small enough for a repository: with fewer colours, if need be."""
    for colours in _counts():
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        if colours:
            image = image.quantize(colours, dither=Image.Dither.NONE)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()


def _counts() -> Iterator[int]:
    yield from (256, 128, 64)


def main() -> None:
    """Read the options and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument(
        "--all", type=Path, metavar="FOLDER", help="all of them in every way, into this folder"
    )
    options = parser.parse_args()
    asyncio.run(take(options.all or TARGET, None if options.all else LOOKS))


if __name__ == "__main__":
    main()
