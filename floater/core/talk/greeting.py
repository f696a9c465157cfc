"""Both must greet before anything else can be said, and both sides hold to it (spec §7.3).

::

    QUIET ──we greet────▶ WE_GREETED ───the peer greets──▶ OPEN
      └─the peer greets─▶ PEER_GREETED ──we greet────────▶ OPEN
"""

from enum import Enum
from typing import TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.talk.orders import Greeted, Say, refuse
from floater.errors import Refused
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.greetings import greeting_in, known_language


class State(Enum):
    """Who has greeted."""

    QUIET = "quiet"
    WE_GREETED = "we_greeted"
    PEER_GREETED = "peer_greeted"
    OPEN = "open"


Event: TypeAlias = api.Greet | wire.Greet | Tick
Effect: TypeAlias = Say | Emit | Greeted


class Greeting:
    """The gate of one talk, on one side."""

    def __init__(self) -> None:
        self.state = State.QUIET

    @property
    def is_open(self) -> bool:
        """Whether both have greeted."""
        return self.state is State.OPEN

    @property
    def greeted(self) -> bool:
        """Whether we have greeted."""
        return self.state in (State.WE_GREETED, State.OPEN)

    @property
    def peer_greeted(self) -> bool:
        """Whether the peer has greeted."""
        return self.state in (State.PEER_GREETED, State.OPEN)

    @property
    def deadline(self) -> float | None:
        """None: a greeting has no timeout."""
        return None

    def admits(self, message: wire.NumberedMessage) -> bool:
        """Say whether a message of the peer may be obeyed now.

        `Refuse` may: it asks for nothing, and refusing a refusal would go on for ever.
        """
        return self.is_open or isinstance(message, wire.Greet | wire.HangUp | wire.Refuse)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one greeting.

        Raises:
            Refused: ALREADY_GREETED; a wish of ours.
        """
        match self.state, event:
            case ((State.QUIET | State.PEER_GREETED), api.Greet(language)):
                opens = self.state is State.PEER_GREETED
                self.state = State.OPEN if opens else State.WE_GREETED
                language = known_language(language)
                said: list[Effect] = [Emit(api.Greeted(language, greeting_in(language)))]
                said.append(Say(wire.Greet, language))
                return [*said, Greeted()] if opens else said
            case _, api.Greet():
                raise Refused(Code.ALREADY_GREETED)
            case ((State.QUIET | State.WE_GREETED), wire.Greet(language=language)):
                opens = self.state is State.WE_GREETED
                self.state = State.OPEN if opens else State.PEER_GREETED
                language = known_language(language)
                heard = Emit(api.PeerGreeted(language, greeting_in(language)))
                return [heard, Greeted()] if opens else [heard]
            case _, wire.Greet():
                return [refuse(event, Code.ALREADY_GREETED)]
            case _:
                return []
