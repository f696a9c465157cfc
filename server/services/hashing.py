"""Hash passwords with argon2id, in exactly as many threads as there are cores, never on the loop.

More threads than cores would not hash more, but would slow the loop down (19
MiB of memory traffic each). Further passwords wait in a bounded queue, of which
`core.turns` decides whose turn is next; those without a place are told to come again.

The salt is made from the e-mail address under the server's secret, so it is the
same for everything that one address has stored. One hash of a typed password is
therefore compared with the account *and* with every sign-up that waits for its
mail, and a log-in costs the same number of hashes for every address, known,
pending or unknown: one for each cost at which anything stored was hashed, which
is one until an operator changes the parameters. Salts still differ between
addresses and servers.
"""

import asyncio
import hmac
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from argon2 import Type, extract_parameters
from argon2.low_level import hash_secret

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire.names import normal_password
from server.config import ServerConfig
from server.core.networks import is_loopback, site_of
from server.core.turns import Turns
from server.services.secret import Secret

_SALT: Final = 16
_HASH: Final = 32


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """The parameters of argon2id, which always has one lane here."""

    memory: int
    "KiB."
    passes: int


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cost_of(encoded: str) -> Cost:
    """Return the parameters of a stored hash."""
    parameters = extract_parameters(encoded)
    return Cost(parameters.memory_cost, parameters.time_cost)


def is_same(one: str, other: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(one.encode("ascii"), other.encode("ascii"))


class Hasher:
    """The hashing threads and the queue before them."""

    def __init__(self, config: ServerConfig, secret: Secret) -> None:
        self.cost: Final = Cost(config.hash_memory, config.hash_passes)
        self._costs = {self.cost}
        self._threads = config.hash_threads or cores()
        self._turns: Turns[asyncio.Future[None]] = Turns(
            places=config.hash_queue, share=config.hash_queue_share
        )
        self._trusts_loopback = config.local
        self._deadline = config.hash_deadline
        self._secret = secret
        self._running = 0
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="hashing")

    @property
    def taken(self) -> int:
        """How many passwords are being hashed or wait."""
        return self._running + len(self._turns)

    async def hash(
        self, email: str, password: str, cost: Cost | None = None, *, source: str = "", is_known: bool = False
    ) -> str:
        """Hash a password for an address; spellings that RFC 8265 calls equal have one hash.

        Args:
            email: normal form.
            password: any text; surrogates are hashed like everything else.
            cost: the parameters of the hash to compare with; the present ones if None.
            source: the address that asks; empty for an account that is logged in.
            is_known: the account has logged in before on the device that asks.

        Returns:
            The hash in its own notation, with parameters and salt, ASCII.

        Raises:
            ServerRefused: BUSY; the queue is full, or the deadline has passed.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline):
                await self._turn(source, is_known)
                work = self._pool.submit(self._work, email, normal_password(password), cost or self.cost)

                def free(_: Future[str]) -> None:
                    # Called by any thread. The place is free when the thread is, even if the caller
                    # went away before.
                    if not loop.is_closed():
                        loop.call_soon_threadsafe(self._free)

                work.add_done_callback(free)
                return await asyncio.wrap_future(work)
        except TimeoutError:
            raise ServerRefused(Code.BUSY, "hashing deadline", retry_after=self._deadline) from None

    async def _turn(self, source: str, is_known: bool) -> None:
        """Wait for a thread."""
        if self._running < self._threads:
            self._running += 1
            return
        is_own = not source or (self._trusts_loopback and is_loopback(source))
        site = b"" if is_own else site_of(source)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loser = self._turns.join(site, turn, is_known=is_known or is_own)
        if loser is not None:
            loser.set_exception(ServerRefused(Code.BUSY, "hashing queue", retry_after=self._deadline))
        try:
            await turn
        except asyncio.CancelledError:
            self._turns.leave(site, turn)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._free()  # our turn had come in the same moment
            raise

    def learn(self, stored: Iterable[str]) -> None:
        """Note the costs of stored hashes. Every typed password is hashed at each of them from now on."""
        self._costs.update(cost_of(encoded) for encoded in stored)

    async def hash_each(
        self, email: str, password: str, *, source: str = "", is_known: bool = False
    ) -> dict[Cost, str]:
        """Hash a typed password once at each cost in use, in an order that is the same for every address.

        Raises:
            ServerRefused: BUSY.
        """
        return {
            cost: await self.hash(email, password, cost, source=source, is_known=is_known)
            for cost in sorted(self._costs)
        }

    async def close(self) -> None:
        """Drop the passwords that wait, and end the threads."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _free(self) -> None:
        """Give the place of a thread to the next that waits."""
        while (turn := self._turns.next()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1

    def _work(self, email: str, password: str, cost: Cost) -> str:
        # The pepper: argon2 gets a keyed digest, so passwords cannot be tried out on a stolen database alone.
        peppered = self._secret.digest("password", password.encode("utf-8", "surrogatepass"))
        salt = self._secret.digest("salt", email.encode("utf-8"))[:_SALT]
        return hash_secret(peppered, salt, cost.passes, cost.memory, 1, _HASH, Type.ID).decode("ascii")
