import json
from pathlib import Path

import pytest

from tests.floater.desktop.conftest import run_script
from tests.helpers.pictures import noise_png

pytest.importorskip("PyQt6.QtWebEngineCore")

SCRIPT = """
import json, sys
from pathlib import Path
from PyQt6.QtCore import QObject, QTimer, QUrl
from PyQt6.QtWidgets import QApplication
from floater.desktop import scheme

folder = Path(sys.argv[1])
scheme.resources.files = lambda package: folder  # a page of our own in place of the built one
scheme.register()
qt = QApplication(sys.argv[:1])
from PyQt6.QtWebEngineCore import QWebEnginePage
from floater.desktop.page import make_profile

uploads = []

def picture(talk, transfer):
    return ("image/png", str(folder / "a.png")) if (talk, transfer) == ("t/1", "F1") else None

def upload(talk, name, data):
    if name == "full":
        raise OSError(28, "no space")
    uploads.append([talk, name, data.decode()])
    return 7

handler = scheme.SchemeHandler(picture, upload)
profile = make_profile(handler, qt)
page = QWebEnginePage(profile, qt)

def done(ok):
    def look():
        page.runJavaScript("JSON.stringify(window.results ?? null)", read)
    def read(text):
        if text == "null":
            QTimer.singleShot(50, look)
            return
        print(text)
        print(json.dumps(uploads))
        page.deleteLater()
        QTimer.singleShot(0, qt.quit)
    look()

page.loadFinished.connect(done)
page.load(QUrl(scheme.PAGE))
qt.exec()
"""

PAGE = "<!doctype html><script src='app.js'></script>"
JS = """
const show = url => new Promise(done => {
  const image = new Image();
  image.onload = () => done(image.naturalWidth);
  image.onerror = () => done("refused");
  image.src = url;
});
const post = async (url, body) => {
  try { return await (await fetch(url, { method: "POST", body: new TextEncoder().encode(body) })).text(); }
  catch { return "refused"; }
};
(async () => {
  const pictures = [];
  for (const place of ["media/t%2F1/F1", "media/t/1/F1", "media/t2/F1", "media/F1", "app/../secret.png"])
    pictures.push(await show(`floater://${place}`));
  // Not awaited: the page does not always hear that a request has failed (Qt 6.11).
  for (const [query, body] of [["upload?size=4", "lie"], ["upload?size=x", ""], ["other?size=1", "x"]])
    void post(`floater://media/${query}&talk=t&name=a`, body);
  const upload = await post("floater://media/upload?talk=t%2F1&name=a%20b.png&size=3", "abc");
  const empty = await post("floater://media/upload?talk=t&name=empty&size=0", "");
  const full = await post("floater://media/upload?talk=t&name=full&size=1", "x");
  window.results = { empty, full, pictures, upload, remote: await post("https://example.org/", "x") };
})();
"""


def test_the_scheme_serves_the_page_pictures_and_uploads_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(PAGE)
    (tmp_path / "page" / "app.js").write_text(JS)
    for name in ("a.png", "secret.png"):
        (tmp_path / name).write_bytes(noise_png(2_000))
    results, uploads = run_script(SCRIPT, tmp_path)[-2:]
    pictures = json.loads(results).pop("pictures")
    assert pictures[0] > 0
    assert pictures[1:] == ["refused"] * 4, "a picture is known by talk and transfer together"
    assert json.loads(results)["upload"] == "7"
    assert json.loads(results)["empty"] == "7"
    assert json.loads(results)["full"] == "disk_full", "a full disk is an answer"
    assert json.loads(results)["remote"] == "refused"
    assert json.loads(uploads) == [["t/1", "a b.png", "abc"], ["t", "empty", ""]]
