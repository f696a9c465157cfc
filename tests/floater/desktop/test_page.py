from pathlib import Path

import pytest

from tests.floater.desktop.conftest import run_script

pytest.importorskip("PyQt6.QtWebEngineCore")

SCRIPT = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer, QUrl
from PyQt6.QtWidgets import QApplication
from floater.desktop import scheme

folder = Path(sys.argv[1])
scheme.resources.files = lambda package: folder
scheme.register()
qt = QApplication(sys.argv[:1])
from PyQt6.QtWebEngineCore import QWebEnginePage
from floater import api
from floater.desktop.channel import Channel
from floater.desktop.page import Page, make_profile

commands = []

def core(command, answer):
    commands.append(command)
    print("core", type(command).__name__, flush=True)
    answer(api.TextReply("L1"))
    if len(commands) == 2:
        end()

def end():
    kind = QWebEnginePage.NavigationType.NavigationTypeOther
    for url in ("https://example.org/", "file:///", "floater://app/other.html", "floater://app/index.html#a"):
        print(url, page.acceptNavigationRequest(QUrl(url), kind, True))
    print("frame", page.acceptNavigationRequest(QUrl(scheme.PAGE), kind, False))
    print("window", page.createWindow(QWebEnginePage.WebWindowType.WebBrowserWindow))
    page.deleteLater()
    QTimer.singleShot(0, qt.quit)

handler = scheme.SchemeHandler(lambda talk, transfer: None, lambda talk, name, data: 0)
profile = make_profile(handler, qt)
print("on disk", not profile.isOffTheRecord())
channel = Channel(core, core)
page = Page(profile, channel, qt)
page.begin()
qt.exec()
"""

JS = """
new QWebChannel(qt.webChannelTransport, ({ objects: { channel } }) => {
  channel.lines.connect(() => channel.send('{"id": 2, "command": "greet"}'));
  channel.send('{"id": 1, "command": "send_text", "text": "hi"}');
});
"""


def page_of(folder: Path, script: str) -> None:
    """Make a page that runs this script, where the program looks for its page."""
    (folder / "page").mkdir()
    html = "<!doctype html><script src='qwebchannel.js'></script><script src='app.js'></script>"
    (folder / "page" / "index.html").write_text(html)
    (folder / "page" / "app.js").write_text(script)


def test_the_page_speaks_through_the_channel_and_goes_nowhere(tmp_path: Path) -> None:
    page_of(tmp_path, JS)
    assert run_script(SCRIPT, tmp_path) == [
        "on disk False",
        "core SendText",
        "core Greet",
        "https://example.org/ False",
        "file:/// False",
        "floater://app/other.html False",
        "floater://app/index.html#a True",
        "frame False",
        "window None",
    ]


HANGING = SCRIPT.replace("if len(commands) == 2:", "if len(commands) == 3:").replace(
    "page.begin()", "page.failed.connect(lambda: print('failed', flush=True))\npage.begin()"
)

HANGS = JS.replace('channel.send(\'{"id": 2, "command": "greet"}\')', "{ for (;;); }")


def test_a_page_that_hangs_is_ended_and_loaded_again(tmp_path: Path) -> None:
    page_of(tmp_path, HANGS)
    quick = "from floater.desktop import watchdog\nwatchdog.INTERVAL = 50\n"
    lines = run_script(quick + HANGING, tmp_path)
    assert lines[1:6] == ["core SendText", "failed", "core SendText", "failed", "core SendText"]
