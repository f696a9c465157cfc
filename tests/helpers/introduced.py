"""An introduction with nothing behind it, for machines that only need to know whom they are to meet."""

from floater.core.meet.introduction import Introduction, Relay, TicketProof
from floater.wire.control import Role


def introduced(match_id: str = "m1", name: str = "Bob") -> Introduction:
    """Introduce a peer of that name."""
    return Introduction(
        match_id=match_id,
        role=Role.LEADER,
        name=name,
        own=b"o" * 64,
        certificate=b"c" * 64,
        proof=TicketProof(b"t", b"s" * 64, b"k" * 32),
        relay=Relay(b"r"),
    )
