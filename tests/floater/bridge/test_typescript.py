"""The page's types are those of the one API, and nobody has typed them twice."""

from pathlib import Path

import pytest

from floater.bridge import typescript as api
from floater.desktop import typescript as shell

GENERATED = Path(__file__).parents[3] / "web_ui/src/bridge"


@pytest.mark.parametrize(
    ("name", "wanted", "module"),
    [
        ("api.gen.ts", api.typescript(), "floater.bridge.typescript"),
        ("shell.gen.ts", shell.typescript(), "floater.desktop.typescript"),
    ],
)
def test_the_types_of_the_page_are_up_to_date(name: str, wanted: str, module: str) -> None:
    file = GENERATED / name
    assert file.read_text("utf-8") == wanted, f"please run: python -m {module} web_ui/src/bridge/{name}"
