"""One side of a match: what the server introduces to the other."""

from dataclasses import dataclass

from floater.wire.endpoint import Candidate
from floater.wire.nat import Nat


@dataclass(frozen=True, slots=True)
class Side:
    """What one account brought to a search, and to the match that came of it."""

    username: str
    language: str
    certificate: bytes
    "DER, for this match only."
    candidates: tuple[Candidate, ...]
    "Verified; empty if the account hides its address."
    host: str
    "The address that its control connection comes from."
    nat: Nat
    hides: bool
    relay: str = ""
    "`host:port` of its node's relay; empty for the address that the client uses already."
