"""A node's machine whose messages are delivered at once, by the very bus that a server of one node has."""

from collections import deque

from floater.machine import Tick
from floater.wire.nat import UNKNOWN_NAT
from server.bus.base import EVERY_NODE, node_address
from server.bus.local import LocalBus
from server.core import events
from server.core.node import Node
from server.core.seat import SeatState
from server.core.side import Side


def waiting(node: Node) -> int:
    """How many accounts of a node wait for a stranger."""
    return len(node._strangers._matching)


def ongoing(node: Node) -> int:
    """How many matches of a node go on."""
    return len(node._matches)


def state_of(node: Node, user: int) -> SeatState | None:
    """How an account's seat stands; None if it has none."""
    return node._strangers.state(user)


def peer_of(node: Node, user: int) -> int | None:
    """The other account of the stranger's match that an account is in; None if it is not known."""
    peer = node._matches.peer(node.match_of(user), user)
    return None if peer is None else peer.user


class SettledNode:
    """A machine: one event, and the effects of it and of all messages that follow from it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._bus = LocalBus()
        self._line: deque[events.Event | Tick] = deque()
        self._bus.subscribe(node_address(node.name), self._line.append)
        self._bus.subscribe(EVERY_NODE, self._line.append)

    @property
    def deadline(self) -> float | None:
        return self.node.deadline

    def feed(self, event: events.Event | Tick, *, now: float) -> list[events.Effect]:
        done: list[events.Effect] = []
        self._line.append(event)
        while self._line:
            for effect in self.node.feed(self._line.popleft(), now=now):
                if isinstance(effect, events.Send):
                    to = EVERY_NODE if effect.to is None else node_address(effect.to)
                    self._bus.publish(to, effect.message)
                else:
                    done.append(effect)
        return done


def a_side(username: str = "", *, hides: bool = False, host: str = "203.0.113.1") -> Side:
    """What a person without candidates sends with a search."""
    return Side(username, "en", b"", (), host, UNKNOWN_NAT, hides)
