"""Pages."""

import asyncio

from server.config import ServerConfig
from server.services.accounts import Accounts


def http_protocol(accounts: Accounts, config: ServerConfig) -> asyncio.Protocol:
    """Make a protocol for one HTTP connection."""
    raise NotImplementedError
