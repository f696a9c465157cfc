"""The outbox: mails that wait in the database until they have been handed over.

A mail is added by the transaction that makes it necessary, so there is never a
sign-up without its mail, or a mail without its sign-up. It is deleted after it
has been handed over, so it survives a restart, and at worst is sent twice::

    waiting ──handed over, or refused for good──▶ deleted
       ▲ └───put off (4xx)──▶ waiting until `next_try`, each time twice as long
       ├──broke the connection: the same, and the others are tried on a new one
       └──mail server down: all wait, tried again after 1, 2, 4 … 60 s

`core.delivery` decides when.
"""

import asyncio
import base64
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.ext.asyncio import AsyncConnection

from floater.errors import ServerRefused
from server.config import ServerConfig
from server.core import delivery
from server.core.delivery import (
    Blocked,
    Broke,
    Connected,
    Delivery,
    Finished,
    Judged,
    Learned,
    Pause,
    ServerState,
    is_late,
    wait_after_break,
    wait_after_refusal,
)
from server.services.mail import Kind, MailContent, Post, PostDown, PutOff, Rejected, SendMail, compose
from server.services.secret import Secret
from server.storage import outbox
from server.storage.engine import Engine
from server.storage.outbox import WaitingMail
from server.storage.pending import extend_pending

log = logging.getLogger("server.outbox")

ASKING: Final = 2.0
"Seconds to wait for the mail server's first word when nothing is known of it."
_BATCH: Final = 50


class _Broken(Exception):
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
        self._delivery = Delivery(retry=config.mail_retry, longest=config.mail_retry_longest)
        self._refused = 0
        self._learned = asyncio.Event()

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
        state = self._delivery.state(now=time.monotonic())
        if state is ServerState.UNKNOWN:
            try:
                async with asyncio.timeout(ASKING):
                    await self._learned.wait()
            except TimeoutError:
                return True
            state = self._delivery.state(now=time.monotonic())
        return state is ServerState.DOWN

    # -- handing over ---------------------------------------------------------------------

    async def run(self) -> None:
        """Hand mails over until cancelled, whatever happens. Mails that were not handed over stay."""
        while True:
            self._wake.clear()
            try:
                wait = await self._hand_over_all()
            except _Broken:
                await asyncio.sleep(self._feed(Broke(random.random())))
            except PostDown as error:
                pause = self._feed(Blocked(random.random()))
                log.warning("= the mail server is down (%s); again in %.0f s", error, pause)
                await asyncio.sleep(pause)
            except ServerRefused as error:
                pause = self._feed(Blocked(random.random(), is_ours=True))
                log.error("= the outbox cannot be read (%s); again in %.0f s", error.code, pause)
                await asyncio.sleep(pause)
            except Exception as error:  # mails must go on whatever it was
                pause = self._feed(Blocked(random.random()))
                log.error("= the outbox stumbled (%s); again in %.0f s", type(error).__name__, pause)
                await asyncio.sleep(pause)
            else:
                self._feed(Finished())
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    async def _hand_over_all(self) -> float | None:
        """Hand over the mails that are due; return the seconds until the next is, None if none waits.

        It connects even if no mail is due, so that `is_delayed` is the same for every address.
        """
        async with self._post.open() as send:
            self._feed(Connected())
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
                        wait = wait_after_break(row.tries, self._config.mail_retry, pick=random.random())
                        await self._put_off(row, wait, reason)
                        raise _Broken from error

    async def _hand_over(self, row: WaitingMail, send: SendMail) -> None:
        now = self._clock()
        content = self._open(row.sealed)
        if content is None:
            await self._drop(row.id)
            return
        if now - row.created > self._config.mail_lifetime:
            log.warning("= mail %s given up after %s tries", row.id, row.tries)
            await self._drop(row.id)
            return
        if row.pending and is_late(now - row.created):
            await self._renew(row.pending, now)
        try:
            minutes = round(self._config.code_lifetime / 60)
            mail = compose(content, sender=self._post.sender, minutes=minutes)
            await send(mail, only_rehearse=content.kind is Kind.NOTHING)
        except PutOff as error:
            await self._put_off(row, wait_after_refusal(row.tries, pick=random.random()), str(error))
            self._feed(delivery.Postponed())
            return
        except Rejected as error:
            self._refused += 1
            log.info("= mail %s refused for good (%s), %s since the start", row.id, error, self._refused)
        self._feed(Judged())
        await self._drop(row.id)

    async def _put_off(self, row: WaitingMail, wait: float, reason: str) -> None:
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

    def _feed(self, event: delivery.Event) -> float:
        """Tell what has happened; return the seconds for which to pause."""
        pause = 0.0
        for effect in self._delivery.feed(event, now=time.monotonic()):
            match effect:
                case Learned():
                    learned, self._learned = self._learned, asyncio.Event()
                    learned.set()
                case Pause(seconds):
                    pause = seconds
        return pause


def _fernet_key(secret: Secret) -> bytes:
    return base64.urlsafe_b64encode(secret.derive("outbox"))
