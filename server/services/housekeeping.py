"""Delete sign-ups that were not activated, resets that were not used, and tokens past their time."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from floater.errors import ServerRefused
from server.config import ServerConfig
from server.services.mail import outbox_folder
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
            if not config.smtp_url:
                await asyncio.to_thread(forget_old_mails, outbox_folder(config), config.link_lifetime)
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


def forget_old_mails(folder: Path, lifetime: float) -> None:
    """Delete the `.eml` files that are older than `lifetime` seconds: their codes and links are worthless."""
    oldest = time.time() - lifetime
    for path in folder.glob("*.eml"):
        with suppress(OSError):  # removed in the meantime, or not ours to remove
            if path.stat().st_mtime < oldest:
                path.unlink()
