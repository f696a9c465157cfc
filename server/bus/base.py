"""What the rest may ask of a bus: bring a message to everyone who listens at an address.

A bus may deliver late, twice or never, and in any order; those who use it are
built for that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from server.core import events, sessions
from server.core.pool import NodeId

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Address(Generic[M]):
    """Where messages of one kind are sent, and listened for."""

    name: str


EVERY_NODE: Final[Address[events.Message]] = Address("nodes")
"All nodes, for what concerns matching."
ACCOUNTS: Final[Address[sessions.Message]] = Address("accounts")
"All nodes, for log-ins that begin and end."


def node_address(node: NodeId) -> Address[events.Message]:
    """Return the address of one node, for what concerns matching."""
    return Address(f"node/{node}")


class Bus(Protocol):
    """A way to all nodes of one service, this one included."""

    def publish(self, address: Address[M], message: M) -> None:
        """Bring a message to every subscriber of an address, if there is any."""

    def subscribe(self, address: Address[M], hear: Callable[[M], None]) -> Callable[[], None]:
        """Call `hear` with each message to an address.

        Returns:
            A function that ends the subscription.
        """

    async def next_number(self, counter: str) -> int:
        """Add 1 to a counter that all nodes share, and return it. No two calls get the same number."""
