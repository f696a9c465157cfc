"""Tests that open sockets of the gateway run on the loop of Linux and on the one of everywhere else."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops of these tests."""
    if item.path.parent.name == "gateway" or item.path.name == "test_app.py":
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.SelectorEventLoop}
    return {"asyncio": asyncio.new_event_loop}
