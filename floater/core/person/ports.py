"""Keep a punch port ready before the press of 聊一聊, and decide which talk gets which port (spec §5.1).

::

           a port is needed                Prepared
    EMPTY ──────────────────▶ PREPARING ──────────────▶ READY ──▶ announced by a search,
     ▲ ▲                          │                       │       or given to a talk
     │ └── failed, out of date ───┘                       │
     └──── stale, out of date ────────────────────────────┘

- A port is needed while the person is at home, so that the press costs no round trip; and for
  each search and each talk that asks for one. Ports are prepared one after the other.
- A port is out of date, and closed, when the network or a setting has changed or the stream to
  the server has ended: what observers saw of it before says nothing now. A talk asks because it
  lost its links, so it gets only a port whose preparation began afterwards.
- A search announces its port to the server. If the search ends in a match, the match gets the
  port. If it ends without one, and the server has told no peer, the port is ready for the next.
- While the address is hidden there is no port, and all who ask are told so.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.machine import Tick

PAUSE: Final = 5.0
"Seconds from the beginning of a preparation to the next one, if the port was of no use to anyone."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Online:
    """A stream to the server is open: its observers can be asked."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The stream to the server has ended."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server accepts the requests of this person on the present stream."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The log-in has ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port should be ready before it is asked for: the person is at home."""


@dataclass(frozen=True, slots=True)
class NotWanted:
    """No further port needs to be ready before it is asked for."""


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """This computer is in another network, or has another address."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings about addresses; they may have changed. With `hides`, no peer may learn our address."""

    hides: bool


@dataclass(frozen=True, slots=True)
class SearchAsks:
    """A search needs a port, which it will announce to the server."""


@dataclass(frozen=True, slots=True)
class SearchOver:
    """The search needs no port any more: no match comes of it.

    `told`: whether the server may have told a peer of the port.
    """

    told: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The search has ended in a match, whose talk this is."""

    talk: str


@dataclass(frozen=True, slots=True)
class TalkAsks:
    """A talk needs a fresh port, now or as soon as the log-in is on."""

    talk: str


@dataclass(frozen=True, slots=True)
class Forget:
    """A talk needs no port any more."""

    talk: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The port of a `Prepare` is ready; `ok` is False if this computer has none left."""

    port: int
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Stale:
    """What the outside sees of a port may have changed."""

    port: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The program ends, or uses another server: close all ports. Nothing follows."""


Event: TypeAlias = (
    Online
    | Offline
    | LoggedIn
    | LoggedOut
    | Wanted
    | NotWanted
    | NetworkChanged
    | Configured
    | SearchAsks
    | SearchOver
    | Found
    | TalkAsks
    | Forget
    | Prepared
    | Stale
    | Leave
    | Tick
)


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepare:
    """Bind a port under this number and ask observers about it. Feed `Prepared`, and `Stale` when it is."""

    port: int


@dataclass(frozen=True, slots=True)
class Announce:
    """The search has this port now: tell the server of it. None: there is no port to tell of."""

    port: int | None


@dataclass(frozen=True, slots=True)
class Give:
    """Hand a port over to a talk, which closes it. None: there is no port."""

    talk: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Close:
    """Close a port, or stop preparing it."""

    port: int


Effect: TypeAlias = Prepare | Announce | Give | Close


class _Slot(Enum):
    """The state of the port that no search and no talk has yet."""

    EMPTY = "empty"
    PREPARING = "preparing"
    READY = "ready"


class _Stream(Enum):
    """The state of the stream to the server."""

    NONE = "none"
    OPEN = "open"
    LOGGED_IN = "logged in"


class _Search(Enum):
    """How far the search has come with its port."""

    NONE = "none"
    ASKING = "asking"
    ANNOUNCED = "announced"  # or announced that there is none
    OUTDATED = "outdated"  # its port is closed; the same search will ask for another


@dataclass(slots=True)
class _Times:
    """When ports were and may be prepared, in monotonic seconds."""

    began: float = 0.0
    "The beginning of the last preparation."
    pause: float = 0.0
    "No port is prepared before this time; 0 if there is no such time."


class Ports:
    """The punch ports of one person on one server, each by its number."""

    def __init__(self) -> None:
        self._stream = _Stream.NONE
        self._is_wanted = False
        self._hides = False
        self._slot = _Slot.EMPTY
        self._port = 0
        "The one in the slot."
        self._last = 0
        "The highest number so far."
        self._search = _Search.NONE
        self._announced: int | None = None
        self._talks: dict[str, int] = {}
        "The talks that wait, each with the first port that is fresh enough for it."
        self._stale: set[int] = set()
        "Ports that became stale while they were prepared or announced."
        self._times = _Times()
        self._is_over = False

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        return self._times.pause if self._lacks_port and self._times.pause else None

    @property
    def ready(self) -> int | None:
        """The port that is ready and that neither the search nor a talk has; None if there is none."""
        return self._port if self._slot is _Slot.READY else None

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done."""
        if self._is_over:
            return []
        effects = self._take(event)
        return effects if self._is_over else [*effects, *self._serve(now)]

    def _take(self, event: Event) -> list[Effect]:
        match event:
            case Online() | Offline():
                self._stream = _Stream.OPEN if isinstance(event, Online) else _Stream.NONE
                return self._outdate()
            case LoggedIn() if self._stream is _Stream.OPEN:
                self._stream = _Stream.LOGGED_IN
            case LoggedOut():
                self._is_wanted = False
                if self._stream is _Stream.LOGGED_IN:
                    self._stream = _Stream.OPEN
            case Wanted() | NotWanted():
                self._is_wanted = isinstance(event, Wanted)
            case NetworkChanged():
                return self._outdate()
            case Configured(hides):
                self._hides = hides
                return self._outdate()
            case SearchAsks() | SearchOver() | Found():
                return self._seek(event)
            case TalkAsks(talk):
                self._talks.pop(talk, None)
                self._talks[talk] = self._last + 1
                self._times.pause = 0.0
            case Forget(talk):
                self._talks.pop(talk, None)
            case Prepared(port, ok) if self._slot is _Slot.PREPARING and port == self._port:
                return self._prepared(ok)
            case Stale(port) if port in (self._port, self._announced):
                self._stale.add(port)
            case Leave():
                self._is_over = True
                return self._outdate()
        return []

    def _outdate(self) -> list[Effect]:
        """Close all ports that no talk has: what observers saw of them says nothing any more."""
        self._times.pause = 0.0
        effects = self._empty()
        if self._search is _Search.ANNOUNCED:
            self._search = _Search.OUTDATED
        return [*effects, *self._withdraw()]

    # -- the search -----------------------------------------------------------------------

    def _seek(self, event: SearchAsks | SearchOver | Found) -> list[Effect]:
        match event:
            case SearchAsks():
                self._search = _Search.ASKING
                self._times.pause = 0.0
                return self._withdraw()
            case SearchOver(told):
                self._search = _Search.NONE
                is_good = not told and self._announced not in self._stale
                if self._announced is None or not is_good or self._slot is not _Slot.EMPTY:
                    return self._withdraw()
                self._slot, self._port, self._announced = _Slot.READY, self._announced, None
                return []
            case _:  # Found
                self._search = _Search.NONE
                port, self._announced = self._announced, None
                return [Give(event.talk, port)]

    def _withdraw(self) -> list[Effect]:
        port, self._announced = self._announced, None
        return [] if port is None else [Close(port)]

    # -- the slot -------------------------------------------------------------------------

    @property
    def _lacks_port(self) -> bool:
        """Whether a port is needed that is neither ready nor being prepared, and could be prepared."""
        if self._slot is not _Slot.EMPTY or self._stream is _Stream.NONE or self._hides:
            return False
        if self._talks or (self._is_wanted and self._search is _Search.NONE):
            return True
        is_sought = self._search in (_Search.ASKING, _Search.OUTDATED)
        return is_sought and self._stream is _Stream.LOGGED_IN

    @property
    def _is_useless(self) -> bool:
        """Whether the port in the slot serves nothing."""
        if self._slot is _Slot.EMPTY or self._search is _Search.ASKING:
            return False
        if self._slot is _Slot.READY and self._port in self._stale:
            return True
        if self._talks:
            return all(first > self._port for first in self._talks.values())
        return not (self._is_wanted or self._stream is _Stream.LOGGED_IN)

    def _prepared(self, ok: bool) -> list[Effect]:
        if ok:
            self._slot = _Slot.READY
            return []
        self._slot, self._times.pause = _Slot.EMPTY, self._times.began + PAUSE
        return self._refuse()

    def _serve(self, now: float) -> list[Effect]:
        """Hand out the port that is ready, close one that serves nothing, and prepare the next."""
        is_refused = self._hides or self._stream is _Stream.NONE
        effects = self._refuse() if is_refused else self._hand_out()
        if self._is_useless:
            if self._port in self._stale:
                self._times.pause = self._times.began + PAUSE
            effects += self._empty()
        if self._lacks_port and now >= self._times.pause:
            self._last += 1
            self._stale.intersection_update((self._announced,))
            self._slot, self._port = _Slot.PREPARING, self._last
            self._times.began, self._times.pause = now, 0.0
            effects.append(Prepare(self._last))
        return effects

    def _hand_out(self) -> list[Effect]:
        if self._slot is not _Slot.READY or self._stream is not _Stream.LOGGED_IN:
            return []
        if self._search is _Search.ASKING:
            self._slot, self._search, self._announced = _Slot.EMPTY, _Search.ANNOUNCED, self._port
            return [Announce(self._port)]
        for talk, first in self._talks.items():
            if first <= self._port:
                del self._talks[talk]
                self._slot = _Slot.EMPTY
                return [Give(talk, self._port)]
        return []

    def _refuse(self) -> list[Effect]:
        """Say that there is no port, to all who would have got one."""
        effects: list[Effect] = []
        if self._search is _Search.ASKING:
            self._search = _Search.ANNOUNCED
            effects.append(Announce(None))
        if self._stream is _Stream.LOGGED_IN:
            effects += [Give(talk, None) for talk in self._talks]
            self._talks.clear()
        return effects

    def _empty(self) -> list[Effect]:
        was, self._slot = self._slot, _Slot.EMPTY
        return [] if was is _Slot.EMPTY else [Close(self._port)]
