"""`floater demo`, on a screen and without one."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import async_playwright

from floater import api
from floater.__main__ import _parser
from floater.bridge.turns import Answer
from floater.cli.demo import Way, has_screen
from floater.cli.driven import Driven, offscreen
from floater.cli.playground import Playground
from floater.cli.windows import show_windows
from floater.desktop.api import SecondWindow
from floater.desktop.files import Files
from floater.desktop.shell import Shell

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

WITHOUT_SCREEN = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}


async def start(folder: Path, *options: str, **environment: str) -> asyncio.subprocess.Process:
    """Start the demo with its temporary files inside `folder`."""
    folder.mkdir()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "floater", "demo", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**WITHOUT_SCREEN, "TMPDIR": str(folder), **environment},
        start_new_session=True,
    )


async def test_without_a_screen_real_windows_are_played_and_pictured(tmp_path: Path) -> None:
    temporary, pictures = tmp_path / "tmp", tmp_path / "pictures"
    process = await start(temporary, "--language", "zh", "--pictures", str(pictures))
    async with asyncio.timeout(120):
        said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "一切如愿" in said
    assert str(pictures) in said
    shots = sorted(pictures.iterdir())
    assert [path.name[2:] for path in shots] == [
        f"{name}.png" for name in ("welcome", "mail", "home", "greeting", "talk", "end")
    ]
    for shot in shots:
        with Image.open(shot) as picture:
            assert picture.size == (460 + 12 + 460, 760)
            assert len(picture.getcolors(1 << 20) or ()) > 50, f"{shot.name} is blank"
    assert list(temporary.iterdir()) == []


async def test_on_a_screen_two_people_are_at_home_and_only_have_to_press(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: asyncio.Queue[tuple[asyncio.subprocess.Process, int, Path]] = asyncio.Queue()
    really_start = Playground.start

    async def start_offscreen(
        self: Playground, argv: list[str], log: Path, extra: dict[str, str]
    ) -> asyncio.subprocess.Process:
        port, environment = offscreen()
        process = await really_start(self, argv, log, environment)
        started.put_nowait((process, port, log))
        return process

    monkeypatch.setattr(Playground, "start", start_offscreen)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    showing = asyncio.get_running_loop().create_task(show_windows("en"))
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        windows: list[Driven] = []
        for _ in range(2):
            process, port, log = await started.get()
            windows.append(Driven(playwright, process, port, log))
            stack.push_async_callback(windows[-1].close)
        for window in windows:
            await window.attach()
            await window.on("Home")
        for window in windows:
            await window.page.locator(".seek").click()
            await window.page.locator("dialog button.primary").click()
        for window in windows:
            await window.on("Greeting")
        for window in windows:
            await window.close()
        assert [text for window in windows for text in window.complaints] == []
    async with asyncio.timeout(20):
        assert await showing == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_asked_to_end_it_closes_both_windows_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    temporary = tmp_path / "tmp"
    process = await start(temporary, "--windows", QT_QPA_PLATFORM="offscreen")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline()
            process.send_signal(number)
            rest = await process.stdout.read()
            assert await process.wait() == 0, rest.decode()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    assert list(temporary.iterdir()) == []


async def test_where_the_screen_is_gone_it_plays_in_the_terminal(tmp_path: Path) -> None:
    process = await start(tmp_path / "tmp", "--language", "en", QT_QPA_PLATFORM="nowhere", DISPLAY=":99")
    async with asyncio.timeout(120):
        said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "Windows cannot be shown here" in said
    assert "both files are equal" in said
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_the_page_s_second_window_is_this_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("subprocess.Popen", lambda argv, **_: started.append(argv))
    shell = Shell(lambda command, hear: None, str, Files(tmp_path))
    replies: list[Answer] = []
    shell.do(SecondWindow(), replies.append)
    assert replies == [api.Empty()]
    ((program, *rest),) = started
    assert [program, *rest[:2]] == [sys.executable, "-m", "floater"]
    args = _parser().parse_args(rest[2:])
    assert (args.face, args.way) == ("demo", Way.WINDOWS)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a screen")
async def test_a_screen_is_known_by_its_name() -> None:
    assert has_screen({"DISPLAY": ":0"})
    assert has_screen({"WAYLAND_DISPLAY": "wayland-0"})
    assert not has_screen({"DISPLAY": ""})
