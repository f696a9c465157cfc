"""Delete what is over: sign-ups nobody activated, resets nobody used, tokens past their time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from floater.errors import ServerRefused
from server.config import ServerConfig
from server.storage import records
from server.storage.database import Database

log = logging.getLogger("server.housekeeping")

INTERVAL: Final = 3_600.0
"Seconds. Nothing depends on it: what is over is refused whether it is still there or not."


async def keep_house(config: ServerConfig, database: Database, clock: Callable[[], float]) -> None:
    """Delete what is over, every hour, for ever, whatever happens."""
    while True:
        now = clock()
        try:
            async with database.write() as connection:
                await records.forget_old(
                    connection,
                    pending_since=now - max(config.sign_up_lifetime, config.mail_lifetime),
                    tokens_created_since=now - config.token_lifetime,
                    tokens_used_since=now - config.token_idle,
                )
        except ServerRefused as error:
            log.warning("= put off (%s)", error.code)
        except Exception as error:  # whatever it was, there is a next hour
            log.error("= put off (%s)", type(error).__name__)
        await asyncio.sleep(INTERVAL)
