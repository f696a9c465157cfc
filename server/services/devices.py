"""Tell devices at which an account has logged in before from all others (spec §4.3).

A device token holds a random name of the device and a digest of it under the server's secret, made
for one account. Nothing of it is stored: it is judged before the database is asked, at the same
cost for every address, and it survives log-outs, restarts and new passwords.
"""

import base64
import hmac
import secrets
from typing import Final

from server.services.secret import Secret

_SIZE: Final = 16
"Bytes of the name, and of the digest."


class Devices:
    """Makes and reads device tokens."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def name(self, who: bytes, token: str) -> bytes:
        """Return the name of the device that a token was made for; empty if it was not made for this account.

        Args:
            who: the key of the account's address in the limits.
            token: as a client sends it.
        """
        try:
            data = base64.b64decode(token.encode("ascii") + b"=", b"-_", validate=True)
        except ValueError:  # binascii.Error and UnicodeEncodeError are ValueErrors
            return b""
        name, digest = data[:_SIZE], data[_SIZE:]
        return name if hmac.compare_digest(digest, self._digest(who, name)) else b""

    def token(self, who: bytes, name: bytes = b"") -> str:
        """Return the token of a device, or of a new one if it has no name yet; 43 characters of base64url."""
        name = name or secrets.token_bytes(_SIZE)
        return base64.urlsafe_b64encode(name + self._digest(who, name)).decode("ascii").rstrip("=")

    def _digest(self, who: bytes, name: bytes) -> bytes:
        return self._secret.digest("device", who, name)[:_SIZE]
