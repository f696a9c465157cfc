"""Decide about all punches of one meeting: from which port of ours, to which places of the peer.

`Puncher` keeps what is known of both ends (`PortFacts`, `Whereabouts`) and the
`Punch` that is on, if one is. `Meeting` says when to punch.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from floater.api import PathKind, RelayReason
from floater.core.meet import punch
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.meet.whereabouts import Whereabouts
from floater.machine import Tick
from floater.wire.control import Role
from floater.wire.endpoint import Candidate
from floater.wire.nat import Nat


class Puncher:
    """The punches of one meeting, one at a time.

    Args:
        role: our side.
        nat: the peer's, as it was introduced.
        settings: delay, attempts and budget of each punch.
        allowance: SYNs of waves that all meetings of this person may still send.
        deaf: seconds before a punch listens, where listening makes a firewall ask the person.
    """

    def __init__(
        self, role: Role, nat: Nat, settings: MeetingSettings, allowance: Allowance, deaf: float
    ) -> None:
        self.where = Whereabouts(role, nat, allowance)
        self.port: PortFacts | None = None
        "None: nothing is dialled and nothing accepted."
        self._make = partial(
            punch.Punch,
            delay=settings.punch_delay,
            attempts=settings.punch_attempts,
            budget=settings.punch_budget,
            deaf=deaf,
        )
        self._patience = settings.timeout
        self._punch: punch.Punch | None = None
        self._used_since = 0.0

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        return None if self._punch is None else self._punch.deadline

    @property
    def is_punching(self) -> bool:
        """Whether a punch is on."""
        return self.deadline is not None

    # -- our end --------------------------------------------------------------------------

    def use(self, port: PortFacts, *, now: float) -> None:
        """Punch from this port from the next `start` on."""
        self.port, self._used_since = port, now

    def update(self, port: PortFacts) -> None:
        """Take note of what is known now of the port in use. What the peer was told of it stays."""
        if self.port is not None and self.port.ports == port.ports:
            self.port = replace(port, told=self.port.told)

    def has_news(self, *, now: float) -> bool:
        """Whether the router let others in after the peer was told of the port, in reasonable time."""
        return self.port is not None and self.port.has_news and now - self._used_since <= self._patience

    def introduce(self) -> PortFacts:
        """Return what the peer is to be told of the port in use, and keep it for the plans to come."""
        assert self.port is not None
        self.port = self.port.introduced()
        return self.port

    # -- the peer's end -------------------------------------------------------------------

    def choose(self, candidates: Sequence[Candidate]) -> bool:
        """Keep the candidates that may be dialled from where we are; return whether none was a lie."""
        return self.where.choose(candidates, None if self.port is None else self.port.surroundings)

    @property
    def hopes(self) -> bool:
        """Whether punching deserves a head start before the relay."""
        return self.port is not None and self.where.hopes(self.port.told.nat, self.port.mapped)

    @property
    def guesses(self) -> bool:
        """Whether that takes waves of SYNs."""
        return self.port is not None and self.hopes and self.where.guesses(self.port.told.nat)

    @property
    def kinds(self) -> set[PathKind]:
        """The kinds of direct ways that are being tried."""
        return self.where.kinds() if self.is_punching else set()

    @property
    def why_relay(self) -> RelayReason:
        """Why a link leads over the relay as things stand, although neither side hides."""
        if self.port is None:
            return RelayReason.NO_PLACES
        return self.where.why_relay(self.port.told.nat, self.port.mapped, is_punching=self.is_punching)

    # -- the punch ------------------------------------------------------------------------

    def start(self, *, now: float) -> list[punch.Effect]:
        """Begin a punch, with a fresh budget; one that is on ends."""
        assert self.port is not None
        effects = self.halt(now=now)
        self._punch = self._make()
        return [*effects, *self._punch.feed(self.where.begin(self.port.told.nat, now=now), now=now)]

    def add(self, *, now: float) -> list[punch.Effect]:
        """Dial the places that were chosen since the punch began, too."""
        return self.feed(self.where.go(), now=now)

    def halt(self, *, now: float) -> list[punch.Effect]:
        """End the punch, if one is on. Streams in authentication go on."""
        return self.feed(punch.Halt(), now=now)

    def feed(self, event: punch.Event | Tick, *, now: float) -> list[punch.Effect]:
        """Give an event to the punch that is on, or was last."""
        return [] if self._punch is None else self._punch.feed(event, now=now)
