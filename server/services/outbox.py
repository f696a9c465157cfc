"""The outbox: mails that wait in the database until they have been handed over.

A mail is added by the transaction that makes it necessary, so there is never a
sign-up without its mail, or a mail without its sign-up. It is deleted after it
has been handed over, so it survives a restart, and at worst is sent twice::

    waiting ──handed over, or refused for good──▶ deleted
       ▲ └───put off (4xx)──▶ waiting until `next_try`, each time twice as long
       ├──broke the connection: the same, and the others are tried on a new one
       └──mail server down: all wait, tried again after 1, 2, 4 … 60 s
"""

import asyncio
import base64
import logging
import random
import time
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.ext.asyncio import AsyncConnection

from floater.errors import ServerRefused
from server.config import ServerConfig
from server.services.mail import Kind, MailContent, Post, PostDown, PutOff, Rejected, Send, compose
from server.services.secret import Secret
from server.storage import outbox
from server.storage.engine import Engine
from server.storage.outbox import Waiting
from server.storage.pending import extend_pending

log = logging.getLogger("server.outbox")

FRESH: Final = 60.0
"Seconds for which a mail server that was up counts as up."
ASKING: Final = 2.0
"Seconds to wait for the mail server's first word when that is not known."
LATE: Final = 5.0
"Seconds after which a mail is late, and its code's time is counted from now."
_PUT_OFF: Final = 60.0
_PUT_OFF_LONGEST: Final = 3_600.0
_STUMBLES: Final = 4
"Times in a row that the wait after a mail that broke the connection gets longer."
_BATCH: Final = 50


class _Stumbled(Exception):
    """One mail broke the connection, or failed here. It was put off; the others get a new connection."""


class Outbox:
    """Keeps mails in the database; `run` hands them over."""

    def __init__(
        self,
        config: ServerConfig,
        database: Engine,
        secret: Secret,
        post: Post,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._database = database
        self._post = post
        self._clock = clock
        self._seal = Fernet(_fernet_key(secret))
        self._wake = asyncio.Event()
        self._is_up = True
        self._stumbles = 0
        self._refused = 0
        self._known_at: float | None = None
        self._news = asyncio.Event()

    @property
    def takes_utf8(self) -> bool:
        """Return False if the mail server is known to lack SMTPUTF8."""
        return self._post.takes_utf8

    # -- putting in -----------------------------------------------------------------------

    async def put(self, connection: AsyncConnection, content: MailContent, pending_id: int) -> None:
        """Add a mail in the caller's transaction. `pending_id` is the row of its code, 0 for none."""
        now = self._clock()
        sealed = self._seal.encrypt(msgspec.json.encode(content))
        await outbox.add_mail(connection, pending_id, sealed, now)

    def kick(self) -> None:
        """Hand over at once what was added. Call it after the transaction."""
        self._wake.set()

    async def is_delayed(self) -> bool:
        """Return True if mails wait because the mail server is down. Call it after `kick`.

        Neither the answer nor the time it takes depends on whom a mail is for.
        """
        if not self._is_up:
            return True
        if self._known_at is not None and time.monotonic() - self._known_at < FRESH:
            return False
        try:
            async with asyncio.timeout(ASKING):
                await self._news.wait()
        except TimeoutError:
            return True
        return not self._is_up

    # -- handing over ---------------------------------------------------------------------

    async def run(self) -> None:
        """Hand mails over until cancelled, whatever happens. Mails that were not handed over stay."""
        failures = 0
        while True:
            self._wake.clear()
            try:
                wait = await self._hand_over_all()
                failures = self._stumbles = 0
            except _Stumbled:
                failures = 0
                self._stumbles += 1
                if self._stumbles > 1:
                    self._learn(False)  # nothing at all went through in between
                await asyncio.sleep(self._patience(min(self._stumbles, _STUMBLES)))
                continue
            except PostDown as error:
                self._learn(False)
                failures += 1
                wait = self._patience(failures)
                log.warning("= the mail server is down (%s); again in %.0f s", error, wait)
                await asyncio.sleep(wait)
                continue
            except ServerRefused as error:
                failures += 1
                wait = self._patience(failures)
                log.error("= the outbox cannot be read (%s); again in %.0f s", error.code, wait)
                await asyncio.sleep(wait)
                continue
            except Exception as error:  # mails must go on whatever it was
                self._learn(False)
                failures += 1
                wait = self._patience(failures)
                log.error("= the outbox stumbled (%s); again in %.0f s", type(error).__name__, wait)
                await asyncio.sleep(wait)
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _hand_over_all(self) -> float | None:
        """Hand over the mails that are due; return the seconds until the next is, None if none waits.

        It connects even if no mail is due, so that `is_delayed` is the same for every address.
        """
        async with self._post.open() as send:
            self._learn(True)
            while True:
                now = self._clock()
                async with self._database.read() as connection:
                    due = await outbox.due_mails(connection, now, limit=_BATCH)
                    if not due:
                        following = await outbox.next_try(connection)
                        return None if following is None else max(following - now, 0.0)
                for row in due:
                    try:
                        await self._hand_over(row, send)
                    except ServerRefused:
                        raise
                    except Exception as error:  # it may be this mail alone that cannot be handed over
                        reason = str(error) if isinstance(error, PostDown) else type(error).__name__
                        # Not long at first: it may as well have been the mail server's own end.
                        wait = self._config.mail_retry * 4.0 ** min(row.tries, 16)
                        await self._put_off(row, min(wait, _PUT_OFF_LONGEST), reason)
                        raise _Stumbled from error

    async def _hand_over(self, row: Waiting, send: Send) -> None:
        now = self._clock()
        content = self._open(row.sealed)
        if content is None:
            await self._drop(row.id)
            return
        if now - row.created > self._config.mail_lifetime:
            log.warning("= mail %s given up after %s tries", row.id, row.tries)
            await self._drop(row.id)
            return
        if row.pending and now - row.created > LATE:
            await self._renew(row.pending, now)
        try:
            minutes = round(self._config.code_lifetime / 60)
            mail = compose(content, sender=self._post.sender, minutes=minutes)
            await send(mail, only_rehearse=content.kind is Kind.NOTHING)
        except PutOff as error:
            await self._put_off(row, min(_PUT_OFF * 2**row.tries, _PUT_OFF_LONGEST), str(error))
            self._stumbles = 0
            return
        except Rejected as error:
            self._refused += 1
            log.info("= mail %s refused for good (%s), %s since the start", row.id, error, self._refused)
        self._learn(True)
        self._stumbles = 0
        await self._drop(row.id)

    async def _put_off(self, row: Waiting, wait: float, reason: str) -> None:
        wait *= random.uniform(0.8, 1.2)
        log.info("= mail %s put off (%s) for %.0f s", row.id, reason, wait)
        async with self._database.write() as connection:
            await outbox.put_off(connection, row.id, self._clock() + wait)

    async def _drop(self, row: int) -> None:
        async with self._database.write() as connection:
            await outbox.drop_mail(connection, row)

    async def _renew(self, row: int, now: float) -> None:
        """Count the time of a late mail's code from now, so that it does not expire on the way."""
        async with self._database.write() as connection:
            code_expires, link_expires = now + self._config.code_lifetime, now + self._config.link_lifetime
            await extend_pending(connection, row, code_expires, link_expires)

    def _open(self, sealed: bytes) -> MailContent | None:
        try:
            return msgspec.json.decode(self._seal.decrypt(sealed), type=MailContent)
        except (InvalidToken, msgspec.DecodeError):
            log.error("= a mail in the outbox cannot be read and is dropped")
            return None

    def _learn(self, is_up: bool) -> None:
        self._is_up, self._known_at = is_up, time.monotonic()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _patience(self, failures: int) -> float:
        longest = self._config.mail_retry_longest
        return min(self._config.mail_retry * 2.0 ** min(failures - 1, 16), longest) * random.uniform(0.8, 1.0)


def _fernet_key(secret: Secret) -> bytes:
    return base64.urlsafe_b64encode(secret.derive("outbox"))
