"""Read the outbox of a server on this computer, so that a first try needs no mail server."""

import asyncio
import email
import email.policy
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from floater import api
from floater.tasks import Tasks
from floater.wire.limits import CODE_DIGITS, RESET_CODE_LENGTH
from floater.wire.mailbox import mailbox_key

log = logging.getLogger("floater.client")

LARGEST: Final = 1 << 20
"Bytes of the largest mail that is read."
LOOK_EVERY: Final = 0.5
"Seconds between two reads of the folder while a mail is awaited."
GIVE_UP: Final = 60.0
"Seconds until a mail is no longer awaited."

_CODE: Final = re.compile(
    rf"^\s*(\d{{{CODE_DIGITS}}}|[0-9A-HJKMNP-TV-Z]{{{RESET_CODE_LENGTH}}})\s*$", re.MULTILINE
)


class Mails:
    """The new mails of one folder. Its methods block on the disk: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()

    def skip(self) -> None:
        """Mark all mails in the folder as seen."""
        self._seen |= {path.name for path in self._folder.glob("*.eml")}

    def new_for(self, address: str) -> list[api.Mailed]:
        """Return every unseen mail to `address` with a code in it, oldest first."""
        found: list[api.Mailed] = []
        for path in sorted(self._folder.glob("*.eml")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                with suppress(OSError):  # removed in the meantime
                    found += self._read(path, address)
        return found

    def _read(self, path: Path, address: str) -> list[api.Mailed]:
        with path.open("rb") as file:
            message = email.message_from_bytes(file.read(LARGEST), policy=email.policy.default)
        to = str(message["To"])
        wanted = mailbox_key(address)
        if not isinstance(message, EmailMessage) or wanted is None or mailbox_key(to) != wanted:
            return []
        body = message.get_body(("plain",))
        text = "" if body is None else str(body.get_content())
        code = _CODE.search(text)
        return [] if code is None else [api.Mailed(to, str(message["Subject"]), code[1], text.strip())]


class Inbox:
    """Emits `mailed` for the mail to the address that the person has just entered.

    Args:
        tell: called with the `mailed` event.
    """

    def __init__(self, tell: Callable[[api.Mailed], None]) -> None:
        self._tell = tell
        self._tasks = Tasks()
        self._looking: asyncio.Task[None] | None = None

    async def expect(self, folder: Path, address: str) -> None:
        """Wait for a mail to this address only. Call it before the request that causes the mail."""
        self.forget()
        mails = Mails(folder)
        await asyncio.to_thread(mails.skip)
        self._looking = self._tasks.start(self._look(mails, address), "await a mail")

    def forget(self) -> None:
        """Stop waiting for a mail."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def close(self) -> None:
        """Stop waiting, for good."""
        await self._tasks.close()

    async def _look(self, mails: Mails, address: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_UP):
                while not (found := await asyncio.to_thread(mails.new_for, address)):
                    await asyncio.sleep(LOOK_EVERY)
                self._tell(found[-1])
