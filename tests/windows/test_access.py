"""Nobody is left out: axe finds nothing on any screen, in any look, in either language."""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.helpers.window import Window, Windows
from tests.windows.tour import tour

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(600)]

AXE: Final = Path(__file__).parents[2] / "web_ui/node_modules/axe-core/axe.min.js"
LOOKS: Final = ("light", "dark", "contrast")

RUN: Final = """async look => {
  const root = document.documentElement;
  const before = root.dataset.look;
  root.dataset.motion = "none";  // no colour half-way between two
  root.dataset.look = look;
  const frame = document.querySelector(".App");
  frame.style.background = "var(--water)";  // of the gradient, the end with less contrast
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  frame.style.background = "";
  root.dataset.look = before;
  return violations.map(({ id, nodes }) => [id, nodes.map(node => [node.html, node.failureSummary])]);
}"""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_axe_finds_nothing_anywhere(tmp_path: Path, language: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: scripts/page check")
    source = AXE.read_text("utf-8")
    found: list[Any] = []
    seen: set[str] = set()

    async def stop(window: Window, name: str) -> None:
        seen.add(name)
        await window.page.evaluate(f"() => {{ if (!window.axe) {{ {source} }} }}")
        for look in LOOKS:
            found.extend([name, look, violation] for violation in await window.page.evaluate(RUN, look))

    async with Windows() as windows:
        await tour(windows, tmp_path, language, stop)
    assert len(seen) > 30
    assert not found, "\n".join(f"{name} {look}: {what}" for name, look, what in found)
