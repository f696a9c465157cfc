"""The effect by which every machine emits an event to the person."""

from dataclasses import dataclass

from floater import api


@dataclass(frozen=True, slots=True)
class Emit:
    """Emit an event to the person. An `api.Error` or `api.Notice` in it has a code and no sentence yet.

    The client fills in `n` and the sentence; `core.engine` fills in `talk` where the machine serves one talk.
    """

    event: api.Event
