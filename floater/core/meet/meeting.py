"""Decide how the two of an introduction come together and stay together (spec §6).

::

    IDLE ──Begin──▶ OPEN ──Close, a link is in use──▶ CLOSING ──Gone──▶ SHUT (CloseAll)
      └──Denied──▶ DENIED (NoShow)                    Close in any other state ──▲
    OPEN ──no common version, before the first link──▶ DENIED (NoShow)

    Puncher (punch, whereabouts, our port) ──▶ Listen, Dial, Wave ──▶ Connected ──▶ Authenticate ──┐
    Path (which link) ──▶ JoinRelay ───────────────────────────────▶ RelayJoined ─▶ Authenticate ──┤
                  ▲                                                                                │
                  └────────────────────────── Trusted, Ready, Gone ◀───────────────────────────────┘

`Meeting` puts the machines of a meeting together and says what the person is
told of it. Its events, orders and news stand in `floater.core.meet.orders`.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import orders, path, punch
from floater.core.meet.introduction import Introduction
from floater.core.meet.orders import Effect, Event
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.progress import Progress, Way
from floater.core.meet.puncher import Puncher
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.errors import LocalProtocolError
from floater.machine import Tick, earliest
from floater.wire.control import Role
from floater.wire.endpoint import Candidate
from floater.wire.nat import Nat
from floater.wire.talk import Choose, PeerHello

DEAF: Final = 1.0
"Seconds of a punch without a listener where one makes the firewall ask the person: mostly none is needed."
LAST_WORDS: Final = 1.0
"Seconds that the last messages may take at the end."


class _State(Enum):
    IDLE = "idle"
    DENIED = "denied"
    OPEN = "open"
    CLOSING = "closing"
    SHUT = "shut"


class Meeting:
    """The links of one introduction, from `Begin` to `Close`.

    Args:
        introduction: who the peer is.
        settings: the knobs.
        allowance: SYNs of waves that all meetings of this person may still send.
        deaf: seconds of a punch without a listener; `DEAF` where one makes the firewall ask the person.
    """

    def __init__(
        self, introduction: Introduction, *, settings: MeetingSettings, allowance: Allowance, deaf: float
    ) -> None:
        self._state = _State.IDLE
        self._introduction = introduction
        self._path = path.Path(
            introduction.role,
            head_start=settings.head_start,
            timeout=settings.timeout,
            grace=settings.grace,
        )
        self._puncher = Puncher(introduction.role, introduction.nat, settings, allowance, deaf)
        self._progress = Progress(self._puncher, hides=introduction.hides)
        self._ways: dict[int, Way] = {}
        "By the numbers of their streams."
        self._current = 0  # no stream has this number
        self._at_relay = False
        self._has_warned = False
        "Whether the relay is to join us to the peer, and has not done so yet."
        self._began = 0.0

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        if self._state is not _State.OPEN:
            return None
        return earliest(self._path.deadline, self._puncher.deadline)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done.

        Raises:
            LocalProtocolError: `Begin` or `Denied` twice, or anything but `Close` before them.
        """
        match self._state, event:
            case _State.OPEN, link.Arrived() | link.Writable():
                return self._about_stream(event, now)  # of all events, most are these
            case _State.IDLE, orders.Begin(port):
                return self._begin(port, now)
            case _State.IDLE, orders.Denied(code):
                self._state = _State.DENIED
                return [orders.NoShow(code)]
            case _State.OPEN, orders.Close() if self._current in self._ways:
                # Before anything else is closed: a reset of another link could overtake what is said on it.
                self._state = _State.CLOSING
                return [orders.Finish(self._current, LAST_WORDS)]
            case ((_State.IDLE | _State.DENIED | _State.OPEN), orders.Close()):
                self._state = _State.SHUT
                return [orders.CloseAll()]
            case (_State.IDLE, _) | (_, orders.Begin() | orders.Denied()):
                raise LocalProtocolError(f"{event} while {self._state.value}")
            case _State.OPEN, _:
                return self._advance(event, now)
            case _State.CLOSING, orders.Gone(number) if number == self._current:
                self._state = _State.SHUT
                return [orders.CloseAll()]
            case _:
                return []

    def _begin(self, port: PortFacts | None, now: float) -> list[Effect]:
        self._state, self._began = _State.OPEN, now
        if port is not None and not self._introduction.hides:
            self._puncher.use(port, now=now)
        effects = self._choose(self._introduction.candidates)
        hopes, guesses = self._puncher.hopes, self._puncher.guesses
        begin = path.Begin(listens=self._puncher.port is not None, dials=hopes, guesses=guesses)
        return [*effects, *self._do(self._path.feed(begin, now=now), now), *self._tell_late(now)]

    def _advance(self, event: Event, now: float) -> list[Effect]:
        match event:
            case link.Suspect(number):
                return self._do(self._path.feed(path.Doubted(number), now=now), now)
            case link.Alive():
                return self._do(self._path.feed(event, now=now), now)
            case orders.RelayLost():
                self._at_relay = False
                return self._do(self._path.feed(event, now=now), now)
            case orders.Failed() | orders.Sent() | orders.PeerOpened():
                return self._do(self._puncher.feed(event, now=now), now)
            case orders.NetworkChanged(gone):
                look = [orders.LookAround()] if self._puncher.port is not None else []
                lost = frozenset(number for number, way in self._ways.items() if way.local in gone)
                return [*look, *self._do(self._path.feed(path.NetworkChanged(lost), now=now), now)]
            case orders.PortChanged(port):
                self._puncher.update(port)
                return self._tell_late(now)
            case orders.Renewed(port) if not self._introduction.hides:
                return self._renew(port, now)
            case orders.CandidatesTold():
                return self._do(self._path.feed(path.Moved(), now=now), now) if self._path.seeks else []
            case orders.PeerCandidates(candidates, nat):
                return self._look_elsewhere(candidates, nat, now)
            case Tick():
                effects = self._do(self._puncher.feed(event, now=now), now)
                return [*effects, *self._do(self._path.feed(event, now=now), now)]
            case _:
                return self._about_stream(event, now)

    # -- streams and links ----------------------------------------------------------------

    def _about_stream(self, event: Event, now: float) -> list[Effect]:
        """Take what happens on one stream. What a stream says that was closed is passed over."""
        match event:
            case link.Arrived(number, Choose(choice)) if number in self._ways:
                if self._introduction.role is Role.FOLLOWER:
                    return self._do(self._path.feed(path.Told(number, choice), now=now), now)
                return [orders.Misbehaved(Code.UNEXPECTED)]
            case link.Arrived(number, PeerHello()) if number in self._ways:
                return [orders.Misbehaved(Code.UNEXPECTED)]
            case link.Arrived(number) | link.Writable(number) if number in self._ways:
                return [event]
            case orders.Connected(stream, remote, lane):
                self._ways[stream] = Way(*self._puncher.where.name(remote, lane), now - self._began)
                return self._do(self._puncher.feed(event, now=now), now)
            case orders.RelayJoined(stream) if not self._at_relay:
                return [orders.CloseStream(stream)]
            case orders.RelayJoined(stream, how):
                self._at_relay = False
                self._ways[stream] = Way(api.PathKind.RELAY, how, now - self._began)
                return [orders.Authenticate(stream)]
            case orders.Trusted(number) if number in self._ways:
                return self._do(self._path.feed(event, now=now), now)
            case orders.Untrusted(number, code, spread) if number in self._ways:
                return self._untrusted(number, code, spread, now)
            case orders.Ready(number) if number in self._ways:
                return self._ready(event, now)
            case orders.Gone(number, fault) if number in self._ways:
                return self._gone(number, fault, now)
            case _:
                return []

    def _ready(self, event: orders.Ready, now: float) -> list[Effect]:
        way = self._ways[event.link]
        way.proved, way.local, way.is_ready = now - self._began, event.local, True
        self._puncher.feed(punch.Authenticated(event.link), now=now)
        ready = path.Ready(event.link, way.kind, way.how, event.received, event.rtt)
        return self._do(self._path.feed(ready, now=now), now)

    def _untrusted(self, stream: int, code: Code, spread: float, now: float) -> list[Effect]:
        way = self._ways.pop(stream)
        if code is Code.UNSUPPORTED_VERSION and self._path.state is path.State.RACING:
            self._state = _State.DENIED  # no other stream would bring a version that both speak
            return [orders.NoShow(code)]
        effects = self._do(self._path.feed(path.Gone(stream), now=now), now)
        if way.kind is api.PathKind.RELAY:
            return [*effects, *self._do(self._path.feed(path.RelayLost(code, spread), now=now), now)]
        return [*effects, *self._do(self._puncher.feed(punch.Rejected(stream, spread), now=now), now)]

    def _gone(self, number: int, fault: Code | None, now: float) -> list[Effect]:
        """Look for another link, and say what the peer did wrong, if it did."""
        del self._ways[number]
        news: list[Effect] = [] if fault is None else [orders.Misbehaved(fault)]
        return [*news, *self._do(self._path.feed(path.Gone(number), now=now), now)]

    # -- places ---------------------------------------------------------------------------

    def _choose(self, candidates: Sequence[Candidate]) -> list[Effect]:
        """Keep the candidates that may be dialled. If either side hides its address, there must be none.

        The person hears once in a meeting that a candidate was left out, however many the peer tells.
        """
        is_true = self._puncher.choose(candidates) and not (candidates and self._introduction.hides)
        if is_true or self._has_warned:
            return []
        self._has_warned = True
        return [Emit(api.Notice(Code.BAD_CANDIDATE.value, ""))]

    def _look_elsewhere(self, candidates: tuple[Candidate, ...], nat: Nat, now: float) -> list[Effect]:
        if candidates == self._puncher.where.candidates:
            return []  # the server repeats itself when we come back to it
        self._puncher.where.nat = nat
        effects = self._choose(candidates)
        effects += self._do(self._puncher.add(now=now), now)
        effects += self._do(self._path.feed(path.Moved(), now=now), now)
        return [*effects, *self._tell_progress()]

    def _renew(self, port: PortFacts | None, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if port is not None:
            effects += [*self._do(self._puncher.halt(now=now), now), orders.UsePort()]
            self._puncher.use(port.introduced(), now=now)
            effects += self._choose(self._puncher.where.candidates)
        effects += self._do(self._path.feed(path.Renewed(), now=now), now)
        if port is not None and self._path.seeks:
            effects.append(orders.TellCandidates(port.candidates, port.nat))
        return effects

    def _tell_late(self, now: float) -> list[Effect]:
        """Tell where our router lets others in, if it does so only after the port was told of."""
        if not (self._path.seeks and self._puncher.has_news(now=now)):
            return []
        port = self._puncher.introduce()
        return [orders.TellCandidates(port.candidates, port.told.nat, then_punch=True)]

    # -- what the machines within want ----------------------------------------------------

    def _do(self, inner: Iterable[path.Effect | punch.Effect], now: float) -> list[Effect]:
        return [effect for order in inner for effect in self._carry_out(order, now)]

    def _carry_out(self, order: path.Effect | punch.Effect, now: float) -> list[Effect]:
        match order:
            case punch.Listen() | punch.Withdraw() | link.LinkDown() | link.Check() | path.NoShow():
                return [order]
            case punch.Dial() | punch.Wave():
                self._progress.syns += 1 if isinstance(order, punch.Dial) else len(order.remotes)
                return [order]
            case punch.Authenticate(stream):
                return [orders.Authenticate(stream)]
            case punch.Close(number) | path.Discard(number):
                self._ways.pop(number, None)
                return [orders.CloseStream(number)]
            case punch.Opened():
                opening = self._puncher.where.opening
                return [] if opening is None else [orders.TellOpened(opening)]
            case punch.GaveUp():
                over = self._path.feed(path.PunchOver(), now=now)
                return [*self._do(over, now), *self._tell_progress()]
            case path.Punch():
                return [*self._do(self._puncher.start(now=now), now), *self._tell_progress()]
            case path.EndPunch():
                return self._do(self._puncher.halt(now=now), now)
            case path.OpenRelay() if self._introduction.relay is None:
                return self._do(self._path.feed(path.RelayLost(Code.NO_PATH, 0.5), now=now), now)
            case path.OpenRelay():
                self._at_relay = True
                return [orders.JoinRelay(), *self._tell_progress()]
            case path.EndRelay():
                return self._end_relay()
            case path.Renew():
                return [orders.RenewPort()]
            case path.Tell(number, choice):
                return [link.Transmit(number, Choose(choice))]
            case link.LinkUp(number):
                is_first, self._current = not self._current, number
                return [orders.Met(), order] if is_first else [order]
            case path.Chosen(_, _, took, rtt):
                return [self._progress.chosen(self._ways[self._current], took, rtt)]
            case path.Away(grace):
                return [Emit(api.PeerAway(grace))]
            case path.Back():
                return [Emit(api.PeerBack())]
            case _:  # path.Lost
                return [orders.Lost(self._progress.is_relayed)]

    def _end_relay(self) -> list[Effect]:
        """Leave the relay, unless its link is ready."""
        effects: list[Effect] = [orders.LeaveRelay()] if self._at_relay else []
        self._at_relay = False
        for number in [number for number, way in self._ways.items() if way.is_at_relay]:
            del self._ways[number]
            effects.append(orders.CloseStream(number))
        return effects

    def _tell_progress(self) -> list[Emit]:
        """Tell how the search for a way, or for one without the relay, stands, if that is news."""
        if self._path.state is path.State.RACING:
            is_at_relay = self._at_relay or any(way.is_at_relay for way in self._ways.values())
            return self._progress.trying(is_at_relay=is_at_relay)
        way = self._ways.get(self._current)
        return [] if way is None else self._progress.changed(way)
