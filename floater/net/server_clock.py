"""The server's clock, as the client estimates it from each time that the server tells (spec §4.6)."""

import asyncio
import time


class ServerClock:
    """An estimate of one server's clock.

    It runs by the loop's clock, which cannot be set. But the server's clock can be set, and the loop's may
    stop while the computer sleeps, so each time that the server tells replaces the estimate.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        "Seconds that the server's clock is ahead of our wall clock; 0 until the server has told its time."
        self._loop = asyncio.get_running_loop()
        self._epoch = time.time() - self._loop.time()

    def now(self) -> float:
        """Return the server's time: UTC seconds since 1970. Ours, until the server has told its own."""
        return self._epoch + self._loop.time()

    def learn(self, told: float) -> None:
        """Take the time that the server has just told."""
        self.offset = told - time.time()
        self._epoch = told - self._loop.time()
