"""A server for this computer only, and a folder for the people on it; both are removed at the end."""

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from floater import api
from floater.client import Client
from floater.client.hosting import Hosted, Hosting
from floater.client.practice import enrol
from floater.config import ClientConfig

NO_KEYRING: Final = "keyring.backends.null.Keyring"
"Makes this program, and those that it starts, keep log-ins in the folder of the demo."
PASSWORD: Final = "a boat adrift at night"
ROOT_FLAGS: Final = "--no-sandbox --disable-gpu"
"Flags without which Chromium does not run as root; only root gets them."


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a demo."""

    name: str
    address: str

    @property
    def folder(self) -> str:
        """The name of the person's data folder."""
        return self.address.partition("@")[0]


AN: Final = Person("安", "an@example.org")
BOB: Final = Person("Bob", "bob@example.org")


class NoWindows(Exception):
    """Windows do not work here after all; the message tells why, if it is known."""


class Playground:
    """Use it as `async with Playground(language) as ground`.

    Args:
        language: of all people here.

    Raises, on entering:
        Refused: see `Hosting.start`.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._stack = AsyncExitStack()
        self._hosted: Hosted | None = None
        self.folder = Path()

    async def __aenter__(self) -> Self:
        os.environ["PYTHON_KEYRING_BACKEND"] = NO_KEYRING
        async with AsyncExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-demo-"))
            self.folder = Path(name)
            hosting = Hosting()
            stack.push_async_callback(hosting.close)
            self._hosted = await hosting.start(
                self.folder / "server", alone=True, hash_memory=1_024, hash_passes=1
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def hosted(self) -> Hosted:
        """The server."""
        assert self._hosted is not None, "not entered"
        return self._hosted

    def window(self, person: Person, geometry: str) -> list[str]:
        """Return the command that opens this person's window, with a geometry like `460x760+40+60`."""
        return [
            *(sys.executable, "-m", "floater", "window", "--size", geometry),
            *("--data-dir", str(self.folder / person.folder)),
            *("--server", self.hosted.url, "--mail-folder", str(self.hosted.outbox)),
        ]

    @property
    def environment(self) -> dict[str, str]:
        """The environment for the programs of all people here."""
        language = self._language.replace("-", "_")
        flags = {} if _flags_are_fine() else {"QTWEBENGINE_CHROMIUM_FLAGS": ROOT_FLAGS}
        return {
            **os.environ,
            "LANG": f"{language}.UTF-8",
            "LC_ALL": f"{language}.UTF-8",
            "FLOATER_PROXY": "none",  # the server is on this computer
            **flags,
        }

    async def move_in(self, person: Person) -> None:
        """Make an account for a person, and store the log-in."""
        data_dir = self.folder / person.folder
        config = ClientConfig(data_dir=data_dir, server=self.hosted.url, proxy="none")
        async with Client(config, lambda event: None) as client:
            await client.do(api.Set(language=self._language))
            await enrol(client.do, self.hosted, person.name, person.address, PASSWORD)

    async def start(self, argv: list[str], log: Path, extra: dict[str, str]) -> asyncio.subprocess.Process:
        """Start a program of a person; it logs into a file."""
        with log.open("ab") as file:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**self.environment, **extra},
                start_new_session=True,  # Ctrl+C is for the demo, which ends its programs itself
            )


def _flags_are_fine() -> bool:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return not is_root or "QTWEBENGINE_CHROMIUM_FLAGS" in os.environ
