"""Each node has an address of its own, and no node's is that of all."""

from floater.wire.control import EndReason
from server.bus.base import ACCOUNTS, EVERY_NODE, node_address
from server.bus.local import LocalBus
from server.core.events import Message
from server.core.matches import Ended


def test_addresses_are_values_and_differ() -> None:
    assert node_address("a") == node_address("a")
    assert len({node_address("a"), node_address("b"), node_address("nodes"), EVERY_NODE, ACCOUNTS}) == 5


def test_what_is_sent_to_one_node_is_not_heard_by_another() -> None:
    bus = LocalBus()
    heard: dict[str, list[Message]] = {"a": [], "b": []}
    for node, messages in heard.items():
        bus.subscribe(node_address(node), messages.append)
    bus.publish(node_address("b"), Ended("m", 1, EndReason.LEFT))
    bus.publish(EVERY_NODE, Ended("n", 1, EndReason.LEFT))
    assert heard == {"a": [], "b": [Ended("m", 1, EndReason.LEFT)]}
