"""The log-in that outlives the program: in the system's keyring where there is one, else in a 0600 file.

One token for each server and data folder, and one for each account that has logged in there: it tells
the server that this device is known (spec §4.3), and stays when the log-in goes. A keyring that is locked,
missing or broken never keeps the client from starting: the file takes its place.
"""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Final

import keyring
import keyring.backend

from floater.whole import write_whole

log = logging.getLogger("floater.store")

SERVICE: Final = "floater"
FILE: Final = "token.json"
DEVICE_FILE: Final = "devices.json"
_LEAST_PRIORITY: Final = 1
"What a keyring has to offer to be a real one; `fail` and `null` say 0 and -1."


class TokenStore:
    """Keeps one token. Its calls may wait for the keyring's own dialog: make them in a thread.

    Args:
        data_dir: the data folder.
        server: whose token it is.
        file: where it is kept if there is no keyring. The device tokens have one of their own, so that
            nothing is left of the log-in's once it goes.
    """

    def __init__(self, data_dir: Path, server: str, file: str = FILE) -> None:
        self._data_dir, self._server = data_dir, server
        self._path = data_dir / file
        place = server.encode("utf-8", "surrogatepass") + b"\n" + os.fsencode(data_dir.resolve())
        self._key = hashlib.sha256(place).hexdigest()[:32]

    def of_device(self, account: str) -> "TokenStore":
        """Return the place of the device token of an account; its name is stored as a digest alone."""
        return TokenStore(self._data_dir, f"{self._server}\n{account}", DEVICE_FILE)

    def load(self) -> str:
        """The stored token; empty if there is none. Never fails."""
        if (ring := _usable_keyring()) is not None:
            try:
                if token := ring.get_password(SERVICE, self._key):
                    return token
            except Exception as error:  # any backend may raise anything
                log.warning("= the keyring cannot be read: %s", type(error).__name__)
        return self._file_tokens().get(self._key, "")

    def keep(self, token: str) -> None:
        """Store a token in place of the last one. Never fails; at worst the next start asks to log in."""
        if (ring := _usable_keyring()) is not None:
            try:
                ring.set_password(SERVICE, self._key, token)
            except Exception as error:  # any backend may raise anything
                log.warning("= the keyring cannot be written: %s", type(error).__name__)
            else:
                self._write_file(None)
                return
        self._write_file(token)

    def drop(self) -> None:
        """Forget the token, wherever it is. Never fails."""
        if (ring := _usable_keyring()) is not None:
            try:
                if ring.get_password(SERVICE, self._key) is not None:
                    ring.delete_password(SERVICE, self._key)
            except Exception as error:  # any backend may raise anything
                log.warning("= the keyring cannot be cleared: %s", type(error).__name__)
        self._write_file(None)

    def _file_tokens(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def _write_file(self, token: str | None) -> None:
        tokens = self._file_tokens()
        if tokens.get(self._key) == token:
            return
        if token is None:
            tokens.pop(self._key, None)
        else:
            tokens[self._key] = token
        try:
            if not tokens:
                self._path.unlink(missing_ok=True)
                return
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, json.dumps(tokens).encode())
        except OSError as error:
            log.warning("= the token cannot be stored: %s", type(error).__name__)


def _usable_keyring() -> keyring.backend.KeyringBackend | None:
    try:
        ring = keyring.get_keyring()
        return ring if ring.priority >= _LEAST_PRIORITY else None
    except Exception as error:  # importing a backend may raise anything
        log.info("= no keyring: %s", type(error).__name__)
        return None
