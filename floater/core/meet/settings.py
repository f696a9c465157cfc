"""What may be decided for all meetings of a client."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MeetingSettings:
    """What may be decided for a meeting. Seconds are floats."""

    head_start: float = 0.6
    "Seconds that punching has for itself before the relay joins the race."

    timeout: float = 15.0
    "Seconds from `start` until a peer to whom no link came counts as not coming."

    grace: float = 30.0
    "Seconds that a peer may be out of reach before it counts as lost."

    punch_delay: float = 0.005
    "Seconds, about, between an error on a dialled address and the next attempt there."

    punch_budget: float = 4.0
    "Seconds from the start of a punch to giving up."

    punch_attempts: int = 60
    "Dials to one address in one punch, at most."
