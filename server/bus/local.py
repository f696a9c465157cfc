"""The bus of a server that has one node: a message is delivered before `publish` returns."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from server.bus.base import Address, M


class LocalBus:
    """Calls the subscribers of this process."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self._counters: Counter[str] = Counter()

    def publish(self, address: Address[M], message: M) -> None:
        """Call every subscriber of an address, in the order in which they subscribed."""
        for hear in tuple(self._subscribers[address.name]):
            hear(message)

    def subscribe(self, address: Address[M], hear: Callable[[M], None]) -> Callable[[], None]:
        """Call `hear` with each message to an address.

        Returns:
            A function that ends the subscription.
        """
        subscribers = self._subscribers[address.name]
        subscribers.append(hear)
        return lambda: subscribers.remove(hear)

    async def next_number(self, counter: str) -> int:
        """Add 1 to a counter, and return it. Counting starts anew with each process."""
        self._counters[counter] += 1
        return self._counters[counter]
