"""The knobs of a meeting, which `floater.config` takes up among those of a client."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class MeetingSettings:
    """What may be decided for every meeting of a client. Seconds are floats."""

    head_start: float = 0.6
    "Seconds that punching has for itself before the relay joins the race."

    timeout: float = field(default=15.0, metadata={"knob": "meeting_timeout"})
    "Seconds from the start of a meeting after which a peer without a link counts as not coming."

    grace: float = 30.0
    "Seconds that a peer may be out of reach before the talk is over."

    punch_delay: float = 0.005
    "Seconds, about, between an error on a dialled address and the next attempt there."

    punch_budget: float = 4.0
    "Seconds from the start of a punch to giving up."

    punch_attempts: int = 60
    "Dials to one address in one punch, at most."
