"""Delete sign-ups that were not activated, resets that were not used, and tokens past their time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from floater.errors import ServerRefused
from server.config import ServerConfig
from server.storage.engine import Engine
from server.storage.pending import forget_old_pending
from server.storage.tokens import forget_old_tokens

log = logging.getLogger("server.housekeeping")

INTERVAL: Final = 3_600.0
"Seconds. A row past its time is refused even while it is still there."


async def clean_up(config: ServerConfig, database: Engine, clock: Callable[[], float]) -> None:
    """Delete the rows past their time every hour, until cancelled, whatever happens."""
    while True:
        now = clock()
        try:
            async with database.write() as connection:
                await forget_old_pending(connection, now - max(config.sign_up_lifetime, config.mail_lifetime))
                await forget_old_tokens(
                    connection,
                    created_since=now - config.token_lifetime,
                    used_since=now - config.token_idle,
                )
        except ServerRefused as error:
            log.warning("= put off (%s)", error.code)
        except Exception as error:  # the next hour is another try
            log.error("= put off (%s)", type(error).__name__)
        await asyncio.sleep(INTERVAL)
