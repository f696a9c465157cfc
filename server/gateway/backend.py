"""What the connections of one server share."""

from dataclasses import dataclass, field
from functools import cached_property

from floater.tasks import Tasks
from server.config import ServerConfig
from server.core.observations import Observations
from server.core.rates import Rate
from server.gateway.streams import Stream
from server.services.accounts import Accounts
from server.services.guests import Guest
from server.services.matchmaking import Matchmaking


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The services that requests are carried out by."""

    config: ServerConfig
    accounts: Accounts
    matchmaking: Matchmaking
    observations: Observations[Stream]
    observers: tuple[str, ...]
    "The observers' addresses, as `welcome` names them."
    ticket_key: bytes
    "The raw Ed25519 public key of tickets, 32 bytes."
    tasks: Tasks
    connections: set[Guest] = field(default_factory=set)
    "Every control connection, logged in or not."

    @cached_property
    def message_rate(self) -> Rate:
        """How many messages one connection may send, at once and in the long run."""
        burst = max(1, self.config.message_burst)
        return Rate(burst, burst / self.config.message_rate)
