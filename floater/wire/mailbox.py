"""E-mail addresses: one canonical form to write to, and keys to compare by (spec §8.3)."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import idna

from floater.wire.limits import MAX_EMAIL

_MAX_LOCAL: Final = 64
_MAX_DOMAIN: Final = 253
_ATOM: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox, in the three forms that are needed of it."""

    address: str
    "Where mail goes: the local part as typed, in NFC; the domain in ASCII (A-labels, lower case)."
    key: str
    "What accounts are found by: the address with its local part in lower case. Never written to."
    owner: str
    "What limits count by: the key without a `+tag`."

    @property
    def needs_utf8(self) -> bool:
        """Whether only a mail server with SMTPUTF8 (RFC 6531) can write to it."""
        return not self.address.isascii()


def parse_mailbox(text: str) -> Mailbox | None:
    """Read an e-mail address; None if it cannot be that of a person.

    The local part is a dot-atom of RFC 5322 or its extension of RFC 6531, the
    domain has two labels or more. An encoded-word, a quoted local part, an IP
    address and a leading hyphen are refused, because a mail program on the way
    could read them as something else; characters that cannot be seen are
    refused, because they were pasted by mistake or to deceive.
    """
    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    if not at or not _is_local(local):
        return None
    ascii_domain = _domain(domain)
    if ascii_domain is None:
        return None
    address = f"{local}@{ascii_domain}"
    lower = unicodedata.normalize("NFC", local.lower())
    owner = lower.partition("+")[0] or lower
    if max(len(address), len(lower) + 1 + len(ascii_domain)) > MAX_EMAIL:
        return None
    return Mailbox(address, f"{lower}@{ascii_domain}", f"{owner}@{ascii_domain}")


def mailbox_key(text: str) -> str | None:
    """Return the key of an e-mail address; None if it cannot be one."""
    mailbox = parse_mailbox(text)
    return None if mailbox is None else mailbox.key


def _is_local(local: str) -> bool:
    if not 1 <= len(local.encode("utf-8", "replace")) <= _MAX_LOCAL or local.startswith("-") or "=?" in local:
        return False
    return all(atom and all(_is_atom_char(c) for c in atom) for atom in local.split("."))


def _is_atom_char(char: str) -> bool:
    return char in _ATOM if char.isascii() else unicodedata.category(char)[0] in "LMN"


def _domain(domain: str) -> str | None:
    """Return a domain in lower-case ASCII by UTS 46 and IDNA 2008; None if it cannot receive mail."""
    if any(unicodedata.category(char)[0] in "CZ" and char not in _JOINERS for char in domain):
        return None
    lower = domain.lower()
    if not lower.isascii() or "xn--" in lower:
        try:
            lower = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except UnicodeError:  # also what idna raises
            return None
    labels = lower.split(".")
    if len(lower) > _MAX_DOMAIN or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return None if labels[-1][0].isdigit() else lower
