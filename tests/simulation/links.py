"""The world between two peers: NATs and the relay. It performs what the real engine orders of links."""

import ipaddress
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from floater.api import PathKind
from floater.codes import Code
from floater.core import link
from floater.core.meet import orders
from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.introduction import Introduction
from floater.core.meet.observe import Observation
from floater.core.meet.port_facts import Network as Place
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.port_mapping import MappingState, Outcome
from floater.errors import RemoteProtocolError
from floater.wire import talk as wire
from floater.wire.codec import encode
from floater.wire.endpoint import Endpoint
from floater.wire.frame import PEER_LEG, FrameReader
from floater.wire.talk import TALK_MESSAGES
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken, Timer

RELAY_WAIT = 30.0
LATEST_PORT = 60_000
OBSERVERS = Endpoint("9.9.9.8", 443), Endpoint("9.9.9.9", 443)


@dataclass
class Weather:
    """What the world lets come through between the two of one match."""

    punch: PathKind | None
    relay: bool
    doubled: bool
    "Whether a punch brings two streams at once."


@dataclass(eq=False)
class _Stream:
    end: End
    reader: FrameReader = field(default_factory=lambda: FrameReader(PEER_LEG))
    ready: bool = False


class Crossroads:
    """Where the two of a match run into each other: NATs, and the relay inside the server."""

    def __init__(self, network: Network, server: Host) -> None:
        self._network = network
        self.server = server
        self._meetings: dict[str, list[Links]] = {}
        self._weather: dict[str, Weather] = {}
        self._hosts: dict[Host, int] = {}
        self._last_port = 20_000
        self.fair = False
        "Whether every match has a way from now on."

    def port(self, host: Host) -> PortFacts:
        """Prepare a punch port on a computer: behind a cone of its own, in one network with all others."""
        number = self._hosts.setdefault(host, len(self._hosts) + 1)
        own, public = (f"{first}.{number >> 16}.{number >> 8 & 255}.{number & 255}" for first in (10, 8))
        first, second = self._next_port(), self._next_port()
        address, subnet = ipaddress.ip_address(own), ipaddress.ip_network("10.0.0.0/8")
        seen = [
            Observation(Endpoint(own, port), observer, Endpoint(public, port))
            for port, observer in ((second, OBSERVERS[0]), *((first, observer) for observer in OBSERVERS))
        ]
        facts = PortFacts(
            ports=(first, second),
            private=(Endpoint(own, first),),
            network=Place({address: subnet}),
            seen=tuple(seen),
        )
        return facts.introduced()

    def _next_port(self) -> int:
        self._last_port = 20_000 if self._last_port >= LATEST_PORT else self._last_port + 1
        return self._last_port if is_port_allowed(self._last_port) else self._next_port()

    def enter(self, meeting: "Links") -> None:
        """Begin to look for the peer of one's match."""
        self._meetings.setdefault(meeting.match_id, []).append(meeting)

    def leave(self, meeting: "Links") -> None:
        """Look no more."""
        here = self._meetings.get(meeting.match_id, [])
        if meeting in here:
            here.remove(meeting)
        if not here:
            self._meetings.pop(meeting.match_id, None)

    def weather(self, match_id: str) -> Weather:
        """What comes through in this match."""
        if match_id not in self._weather:
            random = self._network.scheduler.random
            punch = random.choices((PathKind.LAN, PathKind.DIRECT, None), (1, 5, 4))[0]
            self._weather[match_id] = Weather(punch, random.random() < 0.85, random.random() < 0.2)
        weather = self._weather[match_id]
        return Weather(weather.punch, True, weather.doubled) if self.fair else weather

    def turn(self, match_id: str) -> None:
        """Let the weather of a match be another one."""
        self._weather.pop(match_id, None)

    def tell_peer(self, meeting: "Links", news: orders.Event) -> None:
        """Bring the peer news through the server, after a while."""
        if not (meeting.host.reachable and self.server.reachable):
            return
        scheduler = self._network.scheduler
        for peer in self._peers(meeting):
            scheduler.after(scheduler.between(0.02, 0.5), lambda peer=peer: peer.feed(news))  # type: ignore[misc]

    def dial(self, meeting: "Links", remote: Endpoint, lane: int) -> None:
        """Let a SYN find the peer, be refused or get lost."""
        scheduler, weather, punch = self._network.scheduler, self.weather(meeting.match_id), meeting.punch
        for peer in self._peers(meeting):
            if peer.lane_of(remote, weather.punch) is not None:
                delay = scheduler.between(0.01, 1.5)
                scheduler.after(delay, lambda peer=peer: self._dialled(meeting, lane, peer, remote))  # type: ignore[misc]
                return
        if scheduler.chance(0.2):
            spread = scheduler.random.random()
            failed = orders.Failed(remote, spread, lane)
            scheduler.after(
                scheduler.between(0.05, 2.0), lambda: meeting.feed(failed) if meeting.punch == punch else None
            )

    def _dialled(self, one: "Links", lane: int, other: "Links", remote: Endpoint) -> None:
        weather = self.weather(one.match_id)
        called = other.lane_of(remote, weather.punch)
        if called is None or not (one.listening and one.host.reachable and other.host.reachable):
            return
        if max(one.found, other.found) < (2 if weather.doubled else 1):
            ends = self._join(one, other)
            source = one.places(weather.punch)[lane]
            one.connected(ends[0], remote, lane)
            other.connected(ends[1], source, called)

    def try_relay(self, match_id: str) -> None:
        """If both are at the relay, it joins them after a while."""
        both = [meeting for meeting in self._meetings.get(match_id, []) if meeting.at_relay]
        if len(both) == 2 and self.weather(match_id).relay:
            scheduler = self._network.scheduler
            scheduler.after(scheduler.between(0.02, 0.8), lambda: self._relayed(both[0], both[1]))

    def _relayed(self, one: "Links", other: "Links") -> None:
        hosts = (one.host, other.host, self.server)
        if one.at_relay and other.at_relay and all(host.reachable for host in hosts):
            ends = self._join(one, other, relayed=True)
            one.relayed(ends[0])
            other.relayed(ends[1])

    def _join(self, one: "Links", other: "Links", *, relayed: bool = False) -> tuple[End, End]:
        introduced = one.introduction, other.introduction
        if (introduced[0].own, introduced[1].own) != (introduced[1].certificate, introduced[0].certificate):
            raise RuleBroken("two meet who were not matched", f"{one.match_id}")
        stream = self._network.join(one.host, other.host)
        stream.relayed = relayed
        return stream.ends

    def _peers(self, meeting: "Links") -> list["Links"]:
        return [peer for peer in self._meetings.get(meeting.match_id, []) if meeting.is_peer(peer)]


class Links:
    """One match's links at one side: performs in the simulated world what the engine orders.

    Args:
        crossroads: where the two of the match run into each other.
        network: carries the streams.
        host: our computer.
        introduction: who the peer is.
        port: of which the peer was told; None if there is none.
        feed: takes what happens.
        received: tells the highest number that we have got.
    """

    def __init__(
        self,
        crossroads: Crossroads,
        network: Network,
        host: Host,
        introduction: Introduction,
        port: PortFacts | None,
        *,
        feed: Callable[[orders.Event], None],
        received: Callable[[], int],
    ) -> None:
        self.introduction = introduction
        self.match_id = introduction.match_id
        self.host = host
        self.listening = False
        self.at_relay = False
        self.punch = 0
        "The number of the punch that is on, or was last."
        self.found = 0
        "Streams that it brought."
        self._crossroads = crossroads
        self._scheduler = network.scheduler
        self._feed = feed
        self._received = received
        self._port = port
        self._fresh: deque[PortFacts] = deque()
        self._streams: dict[int, _Stream] = {}
        self._numbers = 0
        self._is_closed = False
        self._relay_over: Timer | None = None

    def begin(self) -> None:
        """Look for the peer."""
        self._crossroads.enter(self)
        self.feed(orders.Begin(self._port))
        if self._port is not None and self._scheduler.chance(0.1):
            self._scheduler.after(self._scheduler.between(0.1, 20.0), self._let_in)

    def feed(self, event: orders.Event) -> None:
        """Report what has happened; nothing after the end."""
        if not self._is_closed:
            self._feed(event)

    def is_peer(self, other: "Links") -> bool:
        """Whether this is the other side of the same match."""
        return self is not other and self.match_id == other.match_id

    def places(self, kind: PathKind | None) -> tuple[Endpoint, Endpoint]:
        """Where our ports look like being, within our network or from outside."""
        assert self._port is not None
        host = (self._port.private if kind is PathKind.LAN else self._port.public)[0].host
        return Endpoint(host, self._port.ports[0]), Endpoint(host, self._port.ports[1])

    def lane_of(self, remote: Endpoint, kind: PathKind | None) -> int | None:
        """Which of our ports is found at this place, if we listen and ways of this kind are open."""
        if self._port is None or kind is None or not self.listening:
            return None
        places = self.places(kind)
        return places.index(remote) if remote in places else None

    def move(self, *, gone: bool) -> None:
        """Be in another network; with `gone`, all streams from the old one are dead, and nobody is told."""
        if gone:
            for stream in self._streams.values():
                stream.end.silence()
        self.feed(orders.NetworkChanged(frozenset((_HERE,) if gone else ())))

    def die(self) -> None:
        """Be gone with the computer."""
        self.listening = self.at_relay = False
        self._is_closed = True
        self._crossroads.leave(self)

    # -- what the engine orders -----------------------------------------------------------

    def perform(self, order: orders.Order) -> None:
        """Carry out an order."""
        match order:
            case orders.Listen():
                self.listening, self.found, self.punch = True, 0, self.punch + 1
            case orders.Dial(remote, lane, low):
                if not low:
                    self._crossroads.dial(self, remote, lane)
            case orders.Wave():
                raise RuleBroken("a fault of the simulation", "there are cones only")
            case orders.Withdraw():
                self.listening, self.punch = False, self.punch + 1
            case orders.UsePort():
                self._port = self._fresh.popleft()
            case orders.LookAround():
                assert self._port is not None
                self.feed(orders.PortChanged(self._port))
            case orders.RenewPort():
                self._scheduler.after(self._scheduler.between(0.02, 3.0), self._renewed)
            case orders.TellCandidates(candidates, nat, then_punch):
                self._crossroads.tell_peer(self, orders.PeerCandidates(candidates, nat))
                if then_punch:
                    delay = self._scheduler.between(0.02, 0.5)
                    self._scheduler.after(delay, lambda: self.feed(orders.CandidatesTold()))
            case orders.TellOpened():
                self._crossroads.tell_peer(self, orders.PeerOpened())
            case orders.JoinRelay():
                self._join_relay()
            case orders.LeaveRelay():
                self._leave_relay()
            case orders.Authenticate(number):
                proof = self.introduction.proof
                hello = wire.PeerHello(
                    versions=(1,), ticket=proof.ticket, signature=proof.signature, received=self._received()
                )
                self._streams[number].end.send(encode(hello))
                self.feed(orders.Trusted(number))
            case link.Transmit(number, message, body):
                if (stream := self._streams.get(number)) is not None:
                    stream.end.send(encode(message, body))
            case orders.CloseStream(number):
                self._hang_up(number)
            case orders.Finish(number):
                self._hang_up(number)
                self.feed(orders.Gone(number))
            case orders.CloseAll():
                self.die()
                for number in list(self._streams):
                    self._hang_up(number)

    def _renewed(self) -> None:
        port = self._crossroads.port(self.host)
        self._fresh.append(port)
        self.feed(orders.Renewed(port))

    def _let_in(self) -> None:
        """Let our router open the port that is in use, at last."""
        assert self._port is not None
        self._port = replace(self._port, router=MappingState(Outcome.GRANTED, None, self._port.public[0]))
        self.feed(orders.PortChanged(self._port))

    # -- the relay ------------------------------------------------------------------------

    def _join_relay(self) -> None:
        self.at_relay = True
        server = self._crossroads.server
        if self.host.reachable and server.reachable and self._crossroads.weather(self.match_id).relay:
            self._relay_over = self._scheduler.after(RELAY_WAIT, lambda: self._relay_lost(Code.TIMED_OUT))
            self._crossroads.try_relay(self.match_id)
        else:
            delay = self._scheduler.between(0.02, 10.0)
            self._relay_over = self._scheduler.after(delay, lambda: self._relay_lost(Code.RELAY_REFUSED))

    def _leave_relay(self) -> None:
        self.at_relay = False
        if self._relay_over is not None:
            self._relay_over.cancel()

    def _relay_lost(self, code: Code) -> None:
        self.at_relay = False
        self.feed(orders.RelayLost(code, self._scheduler.random.random()))

    # -- streams --------------------------------------------------------------------------

    def connected(self, end: End, remote: Endpoint, lane: int) -> None:
        """TCP stands between two punch ports."""
        self.found += 1
        self.feed(orders.Connected(self._keep(end), remote, lane))

    def relayed(self, end: End) -> None:
        """The relay has joined us to the peer."""
        self._leave_relay()
        self.feed(orders.RelayJoined(self._keep(end), "relay"))

    def _keep(self, end: End) -> int:
        self._numbers += 1
        number = self._numbers
        stream = self._streams[number] = _Stream(end)
        end.on_data = lambda data: self._data(number, stream, data)
        end.on_close = lambda: self._gone(number, stream)
        return number

    def _hang_up(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.end.close()

    def _data(self, number: int, stream: _Stream, data: bytes) -> None:
        if self._streams.get(number) is not stream:
            return
        try:
            for frame in stream.reader.feed(data):
                message = TALK_MESSAGES.decode(frame)
                if isinstance(message, wire.PeerHello):
                    stream.ready = True
                    self.feed(orders.Ready(number, message.received, None, _HERE))
                else:
                    self.feed(link.Arrived(number, message, frame.body))
        except RemoteProtocolError as error:
            raise RuleBroken("an honest client was called a liar", str(error)) from error

    def _gone(self, number: int, stream: _Stream) -> None:
        if self._streams.pop(number, None) is None:
            return
        if stream.ready:
            self.feed(orders.Gone(number))
        else:
            self.feed(orders.Untrusted(number, Code.NO_PATH, self._scheduler.random.random()))


_HERE = ipaddress.ip_address("10.0.0.1")
"Where every computer is as long as its network is the same."
