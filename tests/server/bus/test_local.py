"""The local bus delivers before `publish` returns, to those alone who listen at that address."""

import pytest

from server.bus.base import ACCOUNTS, Bus
from server.bus.local import LocalBus
from server.core.sessions import LoggedIn, Message


def test_a_message_is_delivered_at_once_to_all_who_listen() -> None:
    bus: Bus = LocalBus()
    heard: list[tuple[str, Message]] = []
    bus.subscribe(ACCOUNTS, lambda message: heard.append(("one", message)))
    bus.subscribe(ACCOUNTS, lambda message: heard.append(("two", message)))
    bus.publish(ACCOUNTS, LoggedIn(1, 2))
    assert heard == [("one", LoggedIn(1, 2)), ("two", LoggedIn(1, 2))]


def test_who_has_stopped_listening_hears_nothing_even_if_it_stops_while_hearing() -> None:
    bus = LocalBus()
    heard: list[Message] = []

    def hear(message: Message) -> None:
        heard.append(message)
        stop()

    stop = bus.subscribe(ACCOUNTS, hear)
    bus.subscribe(ACCOUNTS, heard.append)
    bus.publish(ACCOUNTS, LoggedIn(1, 2))
    bus.publish(ACCOUNTS, LoggedIn(1, 3))
    assert heard == [LoggedIn(1, 2), LoggedIn(1, 2), LoggedIn(1, 3)]


@pytest.mark.asyncio
async def test_a_counter_counts_from_one_and_each_for_itself() -> None:
    bus = LocalBus()
    assert [await bus.next_number("a"), await bus.next_number("a"), await bus.next_number("b")] == [1, 2, 1]
