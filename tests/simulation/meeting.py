"""How two computers find each other in the simulation: the real `Path` over simulated punches and relays."""

from collections.abc import Callable
from dataclasses import dataclass, field

from floater.api import PathKind
from floater.codes import Code
from floater.core import link
from floater.core.meet import path
from floater.errors import RemoteProtocolError
from floater.wire import talk as wire
from floater.wire.codec import encode
from floater.wire.control import Matched
from floater.wire.frame import PEER_LEG, FrameReader
from floater.wire.talk import TALK_MESSAGES
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken, Run, Timer

Report = (
    link.Arrived
    | link.LinkUp
    | link.LinkDown
    | link.Check
    | path.Chosen
    | path.Away
    | path.Back
    | path.Lost
    | path.NoShow
)

PUNCH_BUDGET = 5.0
RELAY_WAIT = 30.0


@dataclass
class Weather:
    """What the world lets come through between the two of one match."""

    punch: PathKind | None
    relay: bool
    doubled: bool
    "Whether a punch brings two links at once."


@dataclass(eq=False)
class _Link:
    end: End
    kind: PathKind
    reader: FrameReader = field(default_factory=lambda: FrameReader(PEER_LEG))
    ready: bool = False


class Crossroads:
    """Where the two of a match run into each other: NATs, and the relay inside the server."""

    def __init__(self, network: Network, server: Host) -> None:
        self._network = network
        self.server = server
        self._meetings: dict[str, list[Meeting]] = {}
        self._weather: dict[str, Weather] = {}
        self.fair = False
        "Whether every match has a way from now on."

    def enter(self, meeting: "Meeting") -> None:
        """Begin to look for the peer of one's match."""
        here = self._meetings.setdefault(meeting.match_id, [])
        here.append(meeting)

    def leave(self, meeting: "Meeting") -> None:
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

    def tell_peer(self, meeting: "Meeting") -> None:
        """Bring the peer the word that one of the two is elsewhere, through the server and after a while."""
        if not (meeting.host.reachable and self.server.reachable):
            return
        scheduler = self._network.scheduler
        for peer in self._meetings.get(meeting.match_id, []):
            if meeting.is_peer(peer):
                scheduler.after(scheduler.between(0.02, 0.5), peer.peer_moved)

    def try_punch(self, match_id: str) -> None:
        """If both punch and it can work, a stream comes of it after a while."""
        both = [meeting for meeting in self._meetings.get(match_id, []) if meeting.punching]
        weather = self.weather(match_id)
        if len(both) == 2 and weather.punch is not None:
            scheduler, kind = self._network.scheduler, weather.punch
            for _ in range(2 if weather.doubled else 1):
                scheduler.after(scheduler.between(0.01, 1.5), lambda: self._punched(both[0], both[1], kind))

    def _punched(self, one: "Meeting", other: "Meeting", kind: PathKind) -> None:
        if one.punching and other.punching and one.host.reachable and other.host.reachable:
            self._join(one, other, kind)

    def try_relay(self, match_id: str) -> None:
        """If both are at the relay, it joins them after a while."""
        both = [meeting for meeting in self._meetings.get(match_id, []) if meeting.at_relay]
        if len(both) == 2 and self.weather(match_id).relay:
            scheduler = self._network.scheduler
            scheduler.after(scheduler.between(0.02, 0.8), lambda: self._relayed(both[0], both[1]))

    def _relayed(self, one: "Meeting", other: "Meeting") -> None:
        hosts = (one.host, other.host, self.server)
        if one.at_relay and other.at_relay and all(host.reachable for host in hosts):
            self._join(one, other, PathKind.RELAY)

    def _join(self, one: "Meeting", other: "Meeting", kind: PathKind) -> None:
        if one.certificate != other.matched.certificate or other.certificate != one.matched.certificate:
            raise RuleBroken("two meet who were not matched", f"{one.match_id}")
        stream = self._network.join(one.host, other.host)
        stream.relayed = kind is PathKind.RELAY
        for end, meeting in zip(stream.ends, (one, other), strict=True):
            meeting.joined(end, kind)


class Meeting:
    """One match's links at one side, as `floater.net.meeting` keeps them."""

    def __init__(
        self,
        crossroads: Crossroads,
        network: Network,
        host: Host,
        matched: Matched,
        certificate: bytes,
        *,
        report: Callable[[Report], None],
        received: Callable[[], int],
    ) -> None:
        self.matched = matched
        self.match_id = matched.match_id
        self.certificate = certificate
        self.host = host
        self.punching = False
        self.at_relay = False
        self.closed = False
        self._crossroads = crossroads
        self._scheduler = network.scheduler
        self._report = report
        self._received = received
        self._links: dict[int, _Link] = {}
        self._numbers = 0
        self._path = Run(self._scheduler, path.Path(matched.role), self._perform)
        self._punch_over: Timer | None = None
        self._relay_over: Timer | None = None

    def start(self) -> None:
        """Look for the peer."""
        self._crossroads.enter(self)
        listens = not self.matched.relay_only
        self._path.feed(path.Begin(listens, listens and self._scheduler.chance(0.9)))

    def is_peer(self, other: "Meeting") -> bool:
        """Whether this is the other side of the same match."""
        return self is not other and self.match_id == other.match_id

    def transmit(self, effect: link.Transmit) -> None:
        """Send a message; it is dropped where the link is gone."""
        carrier = self._links.get(effect.link)
        if carrier is not None:
            carrier.end.send(encode(effect.message, effect.body))

    def suspect(self, number: int) -> None:
        """Nothing comes through that link."""
        self._path.feed(path.Doubted(number))

    def alive(self, number: int) -> None:
        """That link has answered."""
        self._path.feed(link.Alive(number))

    def move(self, *, gone: bool) -> None:
        """Be in another network; with `gone`, all streams from the old one are dead, and nobody is told."""
        if self.closed:
            return
        lost = frozenset(self._links) if gone else frozenset()
        for number in lost:
            self._links[number].end.silence()
        self._path.feed(path.NetworkChanged(lost))

    def peer_moved(self) -> None:
        """The peer says where it is now."""
        if not self.closed:
            self._path.feed(path.Moved())

    def _renewed(self) -> None:
        if not self.closed:
            self._path.feed(path.Renewed())
            self._crossroads.tell_peer(self)

    def close(self) -> None:
        """Let everything under way arrive, then close."""
        if self.closed:
            return
        self._path.feed(path.Stop())
        self.closed = True
        self._path.close()
        self._crossroads.leave(self)
        for carrier in list(self._links.values()):
            carrier.end.close()

    def die(self) -> None:
        """Be gone with the computer."""
        self.closed = True
        self.punching = self.at_relay = False
        self._path.close()
        self._crossroads.leave(self)

    # -- what the path wants --------------------------------------------------------------

    def _perform(self, effect: path.Effect) -> None:
        match effect:
            case path.Renew():
                self._scheduler.after(self._scheduler.between(0.02, 3.0), self._renewed)
            case path.Punch():
                self.punching = True
                if self._punch_over is not None:
                    self._punch_over.cancel()
                self._punch_over = self._scheduler.after(PUNCH_BUDGET, self._punch_ended)
                self._crossroads.try_punch(self.match_id)
            case path.EndPunch():
                self.punching = False
                if self._punch_over is not None:
                    self._punch_over.cancel()
            case path.OpenRelay():
                self._open_relay()
            case path.EndRelay():
                self._leave_relay()
            case path.Tell(number, choice):
                self._links[number].end.send(encode(wire.Choose(choice)))
            case path.Discard(number):
                carrier = self._links.pop(number, None)
                if carrier is not None:
                    carrier.end.close()
            case _:
                if not self.closed:
                    self._report(effect)

    def _punch_ended(self) -> None:
        if self.punching and not self.closed:
            self.punching = False
            self._path.feed(path.PunchOver())

    def _open_relay(self) -> None:
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
        for number, carrier in list(self._links.items()):
            if carrier.kind is PathKind.RELAY and not carrier.ready:
                del self._links[number]
                carrier.end.close()

    def _relay_lost(self, code: Code) -> None:
        self.at_relay = False
        if not self.closed:
            self._path.feed(path.RelayLost(code, self._scheduler.random.random()))

    # -- links ----------------------------------------------------------------------------

    def joined(self, end: End, kind: PathKind) -> None:
        """A stream to the peer is there and authenticated: say hello on it."""
        self._numbers += 1
        number = self._numbers
        carrier = self._links[number] = _Link(end, kind)
        if kind is PathKind.RELAY:
            self.at_relay = False
            if self._relay_over is not None:
                self._relay_over.cancel()
        end.on_data = lambda data: self._data(number, carrier, data)
        end.on_close = lambda: self._gone(number, carrier)
        hello = wire.PeerHello(
            versions=(1,), ticket=self.matched.ticket, signature=bytes(64), received=self._received()
        )
        end.send(encode(hello))
        self._path.feed(path.Trusted(number))

    def _data(self, number: int, carrier: _Link, data: bytes) -> None:
        try:
            for frame in carrier.reader.feed(data):
                message = TALK_MESSAGES.decode(frame)
                if self.closed:
                    return
                match message:
                    case wire.PeerHello(received=received):
                        carrier.ready = True
                        how = carrier.kind.value
                        self._path.feed(path.Ready(number, carrier.kind, how, received))
                    case wire.Choose(number=choice):
                        self._path.feed(path.Told(number, choice))
                    case _:
                        self._report(link.Arrived(number, message, frame.body))
        except RemoteProtocolError as error:
            raise RuleBroken("an honest client was called a liar", str(error)) from error

    def _gone(self, number: int, carrier: _Link) -> None:
        if self._links.get(number) is carrier:
            del self._links[number]
        if self.closed:
            return
        self._path.feed(path.Gone(number))
        if carrier.kind is PathKind.RELAY and not carrier.ready:
            self._relay_lost(Code.RELAY_REFUSED)
