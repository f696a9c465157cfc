"""Read and write the stored tokens in a thread, as a keyring may ask its person first."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from floater.client.aside import aside
from floater.store.token import TokenStore

log = logging.getLogger("floater.client")

KEYRING_TIME: Final = 10.0
"Seconds to wait for a keyring, with its dialog, before the client goes on without it."


class Tokens:
    """Stores the token of the log-in, and the device token of each account. Calls run one after the other.

    Args:
        store: where they are stored; None to store none.
    """

    def __init__(self, store: TokenStore | None) -> None:
        self._store = store
        self._turn = asyncio.Lock()

    async def load(self) -> str:
        """Return the stored token; empty if there is none, or the keyring does not answer."""
        store = self._store
        return "" if store is None else await self._call(store.load, "read the token") or ""

    async def keep(self, token: str) -> None:
        """Store a token in place of the last one."""
        store = self._store
        if store is not None:
            await self._call(lambda: store.keep(token), "store the token")

    async def drop(self) -> None:
        """Delete the stored token."""
        if self._store is not None:
            await self._call(self._store.drop, "forget the token")

    async def load_device(self, account: str) -> str:
        """Return the device token of an account, as `load` does; see `wire.mailbox.mailbox_key`."""
        store = self._store
        return "" if store is None else await self._call(store.of_device(account).load, "read a token") or ""

    async def keep_device(self, account: str, token: str) -> None:
        """Store the device token of an account in place of the last one."""
        store = self._store
        if store is not None:
            await self._call(lambda: store.of_device(account).keep(token), "store a token")

    async def _call(self, work: Callable[[], str | None], name: str) -> str | None:
        async with self._turn:
            try:
                return await aside(work, name=name, within=KEYRING_TIME)
            except TimeoutError:
                log.warning("= the keyring does not answer")
                return None
