"""What a person's NAT is like, as they say it to the server and the server to their peer (spec §4.5).

The words are those of RFC 4787 §4.1 and §5 and of RFC 5382 §4.3. They steer
what is tried, and are no more than that: one who lies harms his own match.
"""

from enum import StrEnum
from typing import Annotated, Final, Self, TypeAlias

import msgspec

from floater.wire.limits import MAX_NAT_PORTS

Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _Word(StrEnum):
    """A word of this version. One of a later version is read as `unknown`, so that words can be added."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("unknown")


class Mapping(_Word):
    """How a NAT maps our port (RFC 4787 §4.1), as far as TCP observers can tell."""

    UNKNOWN = "unknown"
    OPEN = "open"  # no NAT: the observed endpoint is our own
    ENDPOINT_INDEPENDENT = "endpoint_independent"
    ADDRESS_DEPENDENT = "address_dependent"
    PORT_DEPENDENT = "port_dependent"  # address and port dependent, "symmetric"


class Filtering(_Word):
    """Which senders a NAT lets in through a mapping, or a firewall to a port that has dialled out (§5)."""

    UNKNOWN = "unknown"
    ENDPOINT_INDEPENDENT = "endpoint_independent"  # any sender
    ADDRESS_DEPENDENT = "address_dependent"  # an address that was dialled, from any port
    PORT_DEPENDENT = "port_dependent"  # an endpoint that was dialled


class Allocation(_Word):
    """Which public port a mapping gets."""

    UNKNOWN = "unknown"
    PRESERVED = "preserved"  # the local one
    FIXED = "fixed"  # another, the same for every destination
    SEQUENTIAL = "sequential"  # the next one, by a step that does not change
    BLOCK = "block"  # one of a few hundred or thousand, as carriers give to a subscriber
    RANDOM = "random"  # any


class Stray(_Word):
    """What a SYN gets that may not come in (RFC 5382 §4.3)."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    DROPPED = "dropped"
    RESET = "reset"
    UNREACHABLE = "unreachable"


class Nat(msgspec.Struct, frozen=True, omit_defaults=True):
    """One NAT. `ports` are the public ports that observers saw, in the order in which they were dialled."""

    mapping: Mapping = Mapping.UNKNOWN
    filtering: Filtering = Filtering.UNKNOWN
    allocation: Allocation = Allocation.UNKNOWN
    stray: Stray = Stray.UNKNOWN
    ports: Annotated[tuple[Port, ...], msgspec.Meta(max_length=MAX_NAT_PORTS)] = ()


UNKNOWN_NAT: Final = Nat()
