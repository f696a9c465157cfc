"""`scripts/setup` in a folder that is no checkout of ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_linked_environment_belongs_to_another_checkout_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").touch()
    here = tmp_path / "here"
    (here / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", here / "scripts")
    (here / "pyproject.toml").touch()
    (here / ".venv").symlink_to(tmp_path / "other")
    environment = {**os.environ, "PYTHON": sys.executable}
    run = subprocess.run([here / "scripts" / "setup"], env=environment, capture_output=True, check=False)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["kept"]
    assert (run.returncode, b"building" in run.stdout) == (0, False)
