"""Reads the outbox of a server on this computer, so that a first try needs no mail server."""

import email
import email.policy
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from floater.bridge import api
from floater.wire.limits import CODE_DIGITS

_CODE: Final = re.compile(rf"^\s*(\d{{{CODE_DIGITS}}})\s*$", re.MULTILINE)
LARGEST: Final = 1 << 20


class Mails:
    """The new mails of one folder, for one address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()

    def new_for(self, address: str) -> list[api.Mailed]:
        """Every mail for `address` that was not returned before and holds a code, oldest first."""
        found: list[api.Mailed] = []
        for path in sorted(self._folder.glob("*.eml")):
            if path.name in self._seen or path.stat().st_size > LARGEST:
                continue
            self._seen.add(path.name)
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if not isinstance(message, EmailMessage) or str(message["To"]).casefold() != address.casefold():
                self._seen.discard(path.name)
                continue
            body = message.get_body(("plain",))
            text = "" if body is None else str(body.get_content())
            if (code := _CODE.search(text)) is not None:
                found.append(api.Mailed(str(message["To"]), str(message["Subject"]), code[1], text.strip()))
        return found
