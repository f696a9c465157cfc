"""What the connections of one server share."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from floater.tasks import Tasks
from server.config import ServerConfig
from server.gateway.observer import Observations
from server.services.accounts import Accounts
from server.services.matchmaking import Matchmaking

if TYPE_CHECKING:
    from server.gateway.connection import Connection


@dataclass(frozen=True, kw_only=True)
class House:
    """The services behind the door."""

    config: ServerConfig
    accounts: Accounts
    matchmaking: Matchmaking
    observations: Observations
    observers: tuple[str, ...]
    "Where the observers are, as `welcome` says it."
    ticket_key: bytes
    "The raw Ed25519 public key of tickets, 32 bytes."
    tasks: Tasks
    connections: "set[Connection]" = field(default_factory=set)
