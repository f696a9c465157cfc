"""`floater://host:port#fingerprint`, the address of a server (spec §2.1)."""

import base64
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import idna

from floater.codes import Code
from floater.errors import Refused

DEFAULT_PORT: Final = 443
_HOST: Final = re.compile(
    r"[A-Za-z0-9.:_-]{1,253}|[fF][eE][89abAB][0-9a-fA-F]:[0-9a-fA-F:]+%[A-Za-z0-9._-]{1,32}"
)
"A name, a numeric address, or a link-local one with its zone (RFC 4007)."


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """Where a server is and, if pinned, the SHA-256 of its public key (32 bytes)."""

    host: str
    port: int
    fingerprint: bytes | None

    def __str__(self) -> str:
        """The URL, as `parse_server_url` reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        pin = "" if self.fingerprint is None else "#" + encode_fingerprint(self.fingerprint)
        return f"floater://{host}:{self.port}{pin}"


def encode_fingerprint(digest: bytes) -> str:
    """Write 32 bytes as 43 characters of base64url without padding."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def parse_server_url(text: str) -> ServerUrl:
    """Read the address of a server. The scheme may be left out; the port is 443 unless given.

    Raises:
        Refused: SERVER_URL_INVALID.
    """
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"floater://{text}")
        host, port = _ascii(parts.hostname), DEFAULT_PORT if parts.port is None else parts.port
        if (
            parts.scheme != "floater"
            or host is None
            or not _HOST.fullmatch(host)
            or port == 0
            or "@" in parts.netloc
            or parts.path.strip("/")
            or parts.query
        ):
            raise ValueError(text)
        fingerprint = None
        if parts.fragment:
            fingerprint = base64.urlsafe_b64decode(parts.fragment + "=")
            if encode_fingerprint(fingerprint) != parts.fragment or len(fingerprint) != 32:
                raise ValueError(text)
    except ValueError as error:
        raise Refused(Code.SERVER_URL_INVALID) from error
    return ServerUrl(host, port, fingerprint)


def _ascii(host: str | None) -> str | None:
    """Convert a name beyond ASCII to A-labels (UTS 46)."""
    if host is None or host.isascii():
        return host
    return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
