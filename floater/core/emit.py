"""The one effect by which any machine tells the person something."""

from dataclasses import dataclass

from floater import api


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the person. An `api.Error` or `api.Notice` in the event has a code and no sentence yet.

    The client fills in `n`, and `talk` where the machine serves one talk.
    """

    event: api.Event
