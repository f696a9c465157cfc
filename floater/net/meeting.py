"""Bring the two of a match together and keep them together (spec §6).

::

                              Whereabouts (where the peer may be)
                                        │
                                        ▼
    report ◀── Path (which link)  ──▶ Punch ──▶ Dialer ──▶ streams ──┐
                  ▲                └─▶ join_relay ─────────────────▶ PeerLink ──▶ report
                  └── Ready, Told, Gone ◀──────────────────────────────┘

Nothing is dialled before the ticket has been checked.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from floater.api import NatWords, PathKind, Receipt, RelayReason
from floater.codes import Code
from floater.core import link
from floater.core.meet import path, punch
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance, Technique
from floater.core.meet.whereabouts import Whereabouts
from floater.crypto.certificate import CertifiedKey
from floater.crypto.tls import check_signature, peer_leg_context
from floater.drive import Driver
from floater.errors import FloaterError, RemoteProtocolError
from floater.net.dialer import Dialer
from floater.net.peer_link import Credentials, PeerLink
from floater.net.punch_port import PunchPort
from floater.net.relay_link import join_relay
from floater.net.server_connect import Proxy
from floater.net.sockets import RULES, remote_of
from floater.tasks import Tasks
from floater.wire.control import Matched, Role
from floater.wire.endpoint import Address, Candidate
from floater.wire.frame import Body
from floater.wire.nat import Nat
from floater.wire.talk import Choose, PeerHello, TalkMessage
from floater.wire.ticket import check_ticket
from floater.wire.url import ServerUrl

DEAF: Final = 1.0
"Seconds of a punch without a listener where one makes the firewall ask the person: mostly none is needed."
LAST_WORDS: Final = 1.0
"Seconds that `close` lets the last words take."

log = logging.getLogger("floater.net")


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """The peer broke the protocol on an authenticated link, which was closed. End the talk."""

    code: Code


@dataclass(frozen=True, slots=True)
class PortWanted:
    """A fresh punch port may help: give one to `renew`, or None, and tell the peer of it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Our NAT is open for the peer, who should hear of it. `punch` counts those of this match from 0."""

    punch: int


@dataclass(frozen=True, slots=True)
class Trying:
    """What is being tried now, before there is any way: see `api.Trying`."""

    kinds: tuple[PathKind, ...]
    technique: Technique


@dataclass(frozen=True, slots=True)
class ReceiptChanged:
    """The receipt of the way in use, as it is now."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something to tell the person."""

    code: Code


Report: TypeAlias = (
    link.Arrived
    | link.Writable
    | link.LinkUp
    | link.LinkDown
    | link.Check
    | path.Chosen
    | path.Away
    | path.Back
    | path.Lost
    | path.NoShow
    | Misbehaved
    | PortWanted
    | Opened
    | Trying
    | ReceiptChanged
    | Noticed
)


class Meeting:
    """One match's links, from `matched` to the end.

    Args:
        matched: the server's message.
        match_key: whose certificate went into `seek`.
        ticket_key: of `welcome`.
        server_time: tells the server's clock now, UTC seconds.
        punch_port: the port whose candidates went into `seek`; the meeting
            closes it. None: nothing is dialled and nothing accepted.
        server: where the relay is.
        proxy: the way out of this network, if it has one.
        settings: the knobs.
        allowance: for the waves of all meetings of this person.
        report: called with everything that happens, from `start` on, also from within `start`,
            `transmit` and `suspect`; never after `close` was called.
        received: tells the highest `seq` we have got; it goes into every hello.
    """

    def __init__(
        self,
        *,
        matched: Matched,
        match_key: CertifiedKey,
        ticket_key: bytes,
        server_time: Callable[[], float],
        punch_port: PunchPort | None,
        server: ServerUrl,
        report: Callable[[Report], None],
        received: Callable[[], int],
        proxy: Proxy | None = None,
        settings: MeetingSettings | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        self._matched = matched
        self._match_key = match_key
        self._ticket_key = ticket_key
        self._server_time = server_time
        self._port = None if matched.relay_only else punch_port  # otherwise nothing is dialled or accepted
        self._owned_port = punch_port
        self._server = server
        self._proxy = proxy
        self._settings = settings or MeetingSettings()
        self._report = report
        self._received = received
        self._tasks = Tasks()
        self._is_closed = False
        self._retiring: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._credentials: Credentials | None = None
        self._links: dict[int, _Link] = {}
        self._work: dict[int, asyncio.Task[None]] = {}
        self._where = Whereabouts(matched.role, matched.nat, allowance or Allowance())
        self._machine = path.Path(
            matched.role,
            head_start=self._settings.head_start,
            timeout=self._settings.timeout,
            grace=self._settings.grace,
        )
        self._path: Driver[path.Event, path.Effect] = Driver(self._machine, self._perform_path)
        self._punch: Driver[punch.Event, punch.Effect] | None = None
        self._began = 0.0
        self._syns = 0
        "Of dialers that are gone."
        self._relay: asyncio.Task[None] | None = None
        self._current = 0  # no link has this number
        self._told: Trying | ReceiptChanged | None = None
        self._dialer = None if self._port is None else self._make_dialer(self._port)

    def start(self) -> None:
        """Check the ticket, then look for the peer. A bad one is reported as NoShow(BAD_TICKET)."""
        matched = self._matched
        self._began = asyncio.get_running_loop().time()
        try:
            check_signature(matched.ticket, matched.signature, self._ticket_key)
            check_ticket(
                matched.ticket,
                match_id=matched.match_id,
                role=matched.role,
                own=self._match_key.certificate,
                peer=matched.certificate,
                server_time=self._server_time(),
            )
            context = peer_leg_context(matched.role, self._match_key, matched.certificate)
        except RemoteProtocolError as error:
            log.warning("= match refused: %s", error.code.value)
            self._tell(path.NoShow(error.code))
            return
        self._credentials = Credentials(
            matched.role, context, matched.certificate, matched.ticket, matched.signature
        )
        self._choose(matched.candidates)
        hopes, guesses = False, False
        if self._port is not None:
            hopes = self._where.hopes(self._port.told, self._port.mapped)
            guesses = hopes and self._where.guesses(self._port.told)
        self._path.feed(path.Begin(listens=self._port is not None, dials=hopes, guesses=guesses))

    def transmit(self, effect: link.Transmit) -> None:
        """Send a message. On a link that is gone it is dropped; `LinkDown` has been or will be reported."""
        if (known := self._links.get(effect.link)) is not None:
            known.link.send(effect.message, effect.body, bulk=effect.bulk)

    def suspect(self, number: int) -> None:
        """Nothing comes through this link: if it is the one in use, close it and look for another."""
        self._path.feed(path.Doubted(number))

    def alive(self, number: int) -> None:
        """This link has answered."""
        self._path.feed(link.Alive(number))

    def network_changed(self, gone: frozenset[Address]) -> None:
        """Our network is another one, and these addresses are no longer ours."""
        if self._credentials is None or self._is_closed:
            return
        lost = frozenset(number for number, known in self._links.items() if known.link.local in gone)
        self._path.feed(path.NetworkChanged(lost))

    def renew(self, port: PunchPort | None) -> bool:
        """Punch from this port from now on; the meeting closes it. None: there is no other.

        Returns whether we look for the peer, who then should hear of the port.
        """
        if port is not None:
            if self._punch is not None:
                self._punch.feed(punch.Halt())
            if self._owned_port is not None:
                self._retire(self._owned_port, self._dialer)
                self._syns += 0 if self._dialer is None else self._dialer.syns
            self._port = self._owned_port = port
            self._dialer = self._make_dialer(port)
            self._choose(self._where.candidates)
        self._path.feed(path.Renewed())
        return port is not None and self._machine.seeks

    def expect(self) -> None:
        """The peer has been told of another way in to our port: be there, if we still look for it."""
        if self._credentials is not None and self._machine.seeks:
            self._path.feed(path.Moved())

    def is_seeking_from(self, port: PunchPort) -> bool:
        """Whether we punch from this port, and the peer should hear where it is."""
        return port is self._port and self._machine.seeks

    def _retire(self, port: PunchPort, dialer: Dialer | None) -> None:
        task = self._tasks.start(_close_port(port, dialer), "close a port")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def update_candidates(self, candidates: Sequence[Candidate], nat: Nat) -> None:
        """Look for the peer at these places from now on, too, behind this NAT (`peer_candidates`)."""
        if self._credentials is None or self._is_closed or tuple(candidates) == self._where.candidates:
            return  # the server repeats itself when we come back to it
        self._where.nat = nat
        self._choose(candidates)
        if self._punch is not None:
            self._punch.feed(self._where.go())
        self._path.feed(path.Moved())
        self._tell_progress()

    def opened(self) -> None:
        """The peer's NAT is open for us (`peer_opened`)."""
        if self._punch is not None:
            self._punch.feed(punch.PeerOpened())

    async def close(self) -> None:
        """Send what was given to `transmit`, for a second at most, then close everything."""
        if self._is_closed:
            return
        self._is_closed = True
        self._path.close()
        if self._punch is not None:
            self._punch.close()
        current = self._links.pop(self._current, None)
        if current is not None:
            await current.link.close(LAST_WORDS)
        if self._retiring:  # nobody who is closing a port may be cancelled at it
            await asyncio.wait(set(self._retiring))
        await self._tasks.close()
        for known in self._links.values():
            known.link.discard()
        if self._dialer is not None:
            self._dialer.close()
        if self._owned_port is not None:
            await self._owned_port.close()

    # -- what links say -------------------------------------------------------------------

    def link_trusted(self, peer: PeerLink) -> None:
        """The peer has shown its certificate on a link."""
        self._path.feed(path.Trusted(peer.number))

    def link_ready(self, peer: PeerLink, hello: PeerHello, rtt: float | None) -> None:
        """The peer is authenticated on a link."""
        known = self._links[peer.number]
        known.proved = self._elapsed()
        if known.kind is not PathKind.RELAY and self._punch is not None:
            self._punch.feed(punch.Authenticated(peer.number))
        self._path.feed(path.Ready(peer.number, known.kind, known.how, hello.received, rtt))

    def link_arrived(self, peer: PeerLink, message: TalkMessage, body: Body) -> None:
        """Keep what is about links; the rest is the talk's."""
        if not isinstance(message, Choose):
            self._tell(link.Arrived(peer.number, message, body))
        elif self._matched.role is Role.LEADER:
            raise RemoteProtocolError(Code.UNEXPECTED, "the follower chose")
        else:
            self._path.feed(path.Told(peer.number, message.number))

    def link_writable(self, peer: PeerLink) -> None:
        """There is room for bulk."""
        self._tell(link.Writable(peer.number))

    def link_closed(self, peer: PeerLink, error: FloaterError | None) -> None:
        """A link that was ready is over."""
        self._links.pop(peer.number, None)
        if error is not None:
            self._tell(Misbehaved(error.code))
        self._path.feed(path.Gone(peer.number))

    def received(self) -> int:
        """Tell the highest `seq` we have got."""
        return self._received()

    # -- what the machines want -----------------------------------------------------------

    def _perform_path(self, effect: path.Effect) -> None:
        match effect:
            case path.Punch():
                self._start_punch()
                self._tell_progress()
            case path.Renew():
                self._tell(PortWanted())
            case path.EndPunch():
                if self._punch is not None:
                    self._punch.feed(punch.Halt())
            case path.OpenRelay():
                self._relay = self._tasks.start(self._join_relay(), "relay")
                self._tell_progress()
            case path.EndRelay():
                if self._relay is not None:
                    self._relay.cancel()
            case path.Tell(number, choice):
                self._links[number].link.send(Choose(choice))
            case path.Discard(number):
                self._drop(number)
            case (
                link.LinkUp()
                | link.LinkDown()
                | link.Check()
                | path.Chosen()
                | path.Away()
                | path.Back()
                | path.Lost()
                | path.NoShow()
            ):
                log.info("= match: %s", type(effect).__name__)
                if isinstance(effect, link.LinkUp):
                    self._current = effect.link
                elif isinstance(effect, path.Chosen):
                    self._told = ReceiptChanged(self._receipt(self._links[self._current]))
                    effect = replace(effect, receipt=self._told.receipt)
                self._tell(effect)
            case _:
                assert_never(effect)

    def _start_punch(self) -> None:
        if self._punch is not None:
            self._punch.feed(punch.Halt())
        machine = punch.Punch(
            delay=self._settings.punch_delay,
            attempts=self._settings.punch_attempts,
            budget=self._settings.punch_budget,
            deaf=DEAF if RULES.prompts else 0.0,
        )
        self._punch = Driver(machine, self._perform_punch)
        assert self._port is not None
        self._punch.feed(self._where.begin(self._port.told, now=asyncio.get_running_loop().time()))

    def _perform_punch(self, effect: punch.Effect) -> None:
        assert self._dialer is not None
        match effect:
            case punch.Listen():
                self._dialer.listen()
            case punch.Dial(remote, lane, low):
                self._dialer.dial(remote, lane, low=low)
            case punch.Wave(remotes, lane, low):
                self._dialer.wave(remotes, lane, low=low)
            case punch.Opened():
                if (number := self._where.opening) is not None:
                    self._tell(Opened(number))
            case punch.Withdraw():
                self._dialer.withdraw()
            case punch.Authenticate(stream, lane):
                self._work[stream] = self._tasks.start(self._authenticate(stream, lane), "authenticate")
            case punch.Close(stream):
                if (work := self._work.get(stream)) is not None:
                    work.cancel()
                self._dialer.drop(stream)
                self._drop(stream)
            case punch.GaveUp():
                self._path.feed(path.PunchOver())
                self._tell_progress()
            case _:
                assert_never(effect)

    def _punch_event(self, event: punch.Event) -> None:
        if self._punch is not None:
            self._punch.feed(event)

    # -- work that takes time -------------------------------------------------------------

    async def _authenticate(self, stream: int, lane: int) -> None:
        assert self._dialer is not None
        sock = self._dialer.take(stream)
        try:
            peer = self._make_link(stream, *self._where.name(remote_of(sock), lane))
            await peer.open(sock)
        except (FloaterError, OSError) as error:
            sock.close()
            self._drop(stream)
            word = error.code.value if isinstance(error, FloaterError) else type(error).__name__
            log.debug("= stream %s: %s", stream, word)
            self._path.feed(path.Gone(stream))
            self._punch_event(punch.Rejected(stream, random.random()))
        finally:
            del self._work[stream]

    async def _join_relay(self) -> None:
        number = self._next_number()
        try:
            stream, how = await join_relay(self._server, self._matched.relay_token, proxy=self._proxy)
            await self._make_link(number, PathKind.RELAY, how).open(stream)
        except FloaterError as error:
            self._drop(number)
            log.debug("= relay: %s", error.code.value)
            self._path.feed(path.Gone(number))
            self._path.feed(path.RelayLost(error.code, random.random()))

    # -- small things ---------------------------------------------------------------------

    def _make_link(self, number: int, kind: PathKind, how: str) -> PeerLink:
        assert self._credentials is not None
        made = PeerLink(number, self._credentials, self)
        self._links[number] = _Link(made, kind, how, self._elapsed())
        return made

    def _elapsed(self) -> float:
        """Seconds since `matched`."""
        return asyncio.get_running_loop().time() - self._began

    def _receipt(self, chosen: "_Link") -> Receipt:
        """Say how a link came about."""
        hides = self._matched.relay_only
        return Receipt(
            round(chosen.stood * 1_000, 1),
            round(chosen.proved * 1_000, 1),
            self._where.technique,
            self._syns + (0 if self._dialer is None else self._dialer.syns),
            None if hides or self._port is None else _words(self._port.nat),
            None if hides else _words(self._where.nat),
            self._why_relay() if chosen.kind is PathKind.RELAY else None,
        )

    def _why_relay(self) -> RelayReason:
        """Why a link leads over the relay, as things stand now."""
        if self._matched.relay_only:
            return RelayReason.HIDDEN
        if self._port is None:
            return RelayReason.NO_PLACES
        return self._where.why_relay(self._port.told, self._port.mapped, is_punching=self._is_punching())

    def _is_punching(self) -> bool:
        return self._punch is not None and self._punch.machine.deadline is not None

    def _trying(self) -> Trying:
        """Say what is being tried now."""
        kinds = self._where.kinds() if self._is_punching() else set()
        if self._relay is not None and not self._relay.done():
            kinds.add(PathKind.RELAY)
        return Trying(tuple(kind for kind in PathKind if kind in kinds), self._where.technique)

    def _tell_progress(self) -> None:
        """Tell how the search for a way, or for one without the relay, stands, if that is news."""
        current = self._links.get(self._current)
        told: Trying | ReceiptChanged
        if self._machine.state is path.State.RACING:
            told = self._trying()
        elif current is not None and current.kind is PathKind.RELAY:
            told = ReceiptChanged(self._receipt(current))
        else:
            return
        if told != self._told:
            self._told = told
            self._tell(told)

    def _drop(self, number: int) -> None:
        if (known := self._links.pop(number, None)) is not None:
            known.link.discard()

    def _choose(self, candidates: Sequence[Candidate]) -> None:
        """Keep the candidates that may be dialled."""
        is_true = self._where.choose(candidates, None if self._port is None else self._port.surroundings())
        if not is_true or (candidates and self._matched.relay_only):  # somebody hides: there should be none
            self._tell(Noticed(Code.BAD_CANDIDATE))

    def _make_dialer(self, port: PunchPort) -> Dialer:
        return Dialer(port.ports, port.families, self._punch_event, self._next_number)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _tell(self, report: Report) -> None:
        if not self._is_closed:
            self._report(report)


async def _close_port(port: PunchPort, dialer: Dialer | None) -> None:
    if dialer is not None:
        dialer.close()
    await port.close()


@dataclass(slots=True)
class _Link:
    link: PeerLink
    kind: PathKind
    how: str
    stood: float
    "Seconds from `matched` until there was a stream."
    proved: float = 0.0
    "And until both had proved who they are."


def _words(nat: Nat) -> NatWords:
    return NatWords(nat.mapping, nat.filtering, nat.allocation, nat.stray)
