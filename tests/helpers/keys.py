"""A person who has a keyboard and nothing else."""

from typing import Final

from tests.helpers.window import Window

MOST: Final = 60
"Presses of Tab after which something counts as out of reach."

_NAME: Final = """() => {
  const focus = document.activeElement;
  const label = focus.labels?.[0]?.textContent ?? focus.textContent;
  return (focus.getAttribute("aria-label") ?? label).trim();
}"""


class Keys:
    """Works a window by keys alone; names of things are keys of the page's locale.

    Args:
        window: never clicked.
    """

    def __init__(self, window: Window) -> None:
        self.press = window.page.keyboard.press
        self.write = window.page.keyboard.type
        self._window = window

    async def tab_to(self, name: str) -> None:
        """Press Tab until the focus is on what has this name."""
        for _ in range(MOST):
            await self.press("Tab")
            if await self._window.page.evaluate(_NAME) == name:
                return
        raise AssertionError(f"{name} is not reached by Tab")

    async def go(self, key: str) -> None:
        """Press what stands under a key."""
        await self.tab_to(await self._window.word(key))
        await self.press("Enter")

    async def enter(self, key: str, text: str) -> None:
        """Write into the field whose label stands under a key."""
        await self.tab_to(await self._window.word(key))
        await self.write(text)

    async def seek(self) -> None:
        """Press 聊一聊."""
        await self._window.page.wait_for_function("() => document.querySelector('.seek:enabled')")
        await self.tab_to(f"聊一聊 {await self._window.word('home.seek')}")
        await self.press("Enter")
