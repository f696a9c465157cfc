"""What the rest may ask of a database, whichever it is."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Engine(Protocol):
    """The server's memory.

    A transaction happens as a whole or not at all. What goes wrong with the
    disk is raised as ServerRefused: STORAGE_FAILED, or BUSY if other writers
    take too long.
    """

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """See one state of the database for the length of the block, whatever others write meanwhile.

        Raises:
            ServerRefused: STORAGE_FAILED.
        """

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Read and change it, one writer at a time; committed at the end of the block, undone if that raises.

        Raises:
            ServerRefused: STORAGE_FAILED or BUSY; nothing was changed.
        """

    async def close(self) -> None:
        """End all connections."""
