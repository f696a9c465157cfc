"""The simulated client: the real `Engine` and `Reconnect`, with orders carried out in the simulated world."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from floater import api
from floater.codes import Code
from floater.core import engine
from floater.core.emit import Emit
from floater.core.engine import Engine, News, Wish
from floater.core.meet import orders
from floater.core.meet.introduction import Introduction, introduction_of
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.person import encounter, reconnect, search, session, standing
from floater.core.talk import talk as talking
from floater.core.talk.talk import Talk, TalkConfig
from floater.core.talk.transfer import FileOrder
from floater.errors import Refused, RemoteProtocolError
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.control import SERVER_MESSAGES, code_of
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.nat import UNKNOWN_NAT
from tests.simulation.links import Crossroads, Links
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken, Run, Scheduler

PING_INTERVAL = 45.0
REQUEST_TIMEOUT = 20.0


class Ledger(Protocol):
    """Checks what every client tells its person."""

    def moved(self, client: str, before: str, after: str) -> None:
        """Take a new state."""

    def told(self, client: str, event: api.TalkEvent) -> None:
        """Take an event about a talk."""

    def died(self, match_id: str, client: str) -> None:
        """Expect nothing more of a client in this talk."""


class Server(Protocol):
    """What a client connects to."""

    host: Host

    def accept(self, end: End) -> None:
        """Serve a new stream."""


class World(Protocol):
    """What a client needs of the world it lives in."""

    scheduler: Scheduler
    network: Network
    crossroads: Crossroads

    @property
    def server(self) -> Server:
        """The server that all clients know."""

    @property
    def talks(self) -> Ledger:
        """The ledger of all talks."""


class Client:
    """One run of the program on one computer."""

    def __init__(self, world: World, name: str, account: int) -> None:
        self.name = name
        self.account = account
        self.host = Host(world.scheduler, name)
        self.world = world
        self.kept_token = ""
        self.alive = True
        self.state = api.State.SIGNED_OUT
        "The state that the person was told last."
        self.links: dict[str, Links] = {}
        "By talk, until everything of the talk is closed."
        self.engine = Engine(MeetingSettings(), TalkConfig(), Allowance())
        self._scheduler = world.scheduler
        self._run: Run[engine.Event, engine.Effect] = Run(world.scheduler, self.engine, self._perform)
        self._patience: Run[reconnect.Event, reconnect.Effect] = Run(
            world.scheduler, reconnect.Reconnect(0.5, 30.0), self._reconnect
        )
        self._end: End | None = None
        self._reader = FrameReader(SERVER_LEG)
        self._welcomed = False
        self._retry_after: float | None = None
        self._last_written = 0.0
        self._waiting: dict[int, Callable[[control.Answer | Code], None]] = {}
        self._last_id = 0
        self._certificate = b""
        "Of the last search."
        self._ports: dict[bytes, PortFacts | None] = {}
        "By the certificate that they were prepared with, until its match begins."

    def start(self, token: str = "") -> None:
        """Start the program, perhaps with the log-in of an earlier run."""
        self.kept_token = token
        if token:
            self._run.feed(session.Remember(token))
        self._patience.feed(reconnect.Begin())

    def die(self, *, silent: bool) -> None:
        """Be killed, without a goodbye."""
        self._note("dies" + (" silently" if silent else ""))
        self.alive = self.host.up = False
        self.world.network.turn_off(self.host, silent=silent)
        self._run.close()
        self._patience.close()
        for talk, links in self.links.items():
            self.world.talks.died(talk, self.name)
            links.die()

    # -- the person -----------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a log-in is under way."""
        return bool(self._waiting)

    @property
    def online(self) -> bool:
        """Whether the server is reached."""
        return self.engine.standing.online

    @property
    def match_id(self) -> str:
        """The match with a stranger; empty if there is none."""
        stranger = self.engine.standing.stranger
        return "" if stranger is None else stranger.match_id

    @property
    def talk(self) -> Talk:
        """The talk with a stranger; the two have met."""
        return self.engine.talk(self.match_id)

    def wish(self, wish: standing.Wish | talking.Wish, talk: str = "") -> bool:
        """Press a button, or say something in a talk; False if it was refused."""
        self._note(f"wishes {type(wish).__name__} {talk}")
        try:
            self._run.feed(wish if isinstance(wish, standing.Wish) else Wish(talk, wish))
        except Refused as refused:
            self._note(f"is refused: {refused.code.value}")
            return False
        return True

    def log_in(self) -> None:
        """Enter e-mail and password."""
        if not self.online:
            self._patience.feed(reconnect.Nudge())
            return

        def answered(answer: control.Answer | Code) -> None:
            if isinstance(answer, control.LoggedIn):
                self._run.feed(session.LoggedIn(answer.username, answer.token))

        self._request(control.LogIn(1, f"{self.account}@example.org", "correct horse"), answered)

    def prepare(self, label: str, *, has_port: bool) -> tuple[bytes, PortFacts | None]:
        """Make a certificate for a match to come, and prepare a port for it."""
        certificate = f"{self.name} {label}".encode().ljust(64, b".")
        port = self._ports[certificate] = self.world.crossroads.port(self.host) if has_port else None
        return certificate, port

    def introduce(self, introduction: Introduction, kind: api.TalkKind = api.TalkKind.STRANGER) -> None:
        """Take an introduction. It names a certificate of `prepare`."""
        self._run.feed(standing.Introduced(introduction, kind))

    # -- what the engine orders -----------------------------------------------------------

    def _perform(self, effect: engine.Effect) -> None:
        match effect:
            case Emit(event):
                self._tell(event)
            case engine.Open(introduction):
                talk = introduction.match_id
                if talk in self.links:
                    raise RuleBroken("a match was begun twice", f"{self.name} {talk}")
                self.links[talk] = Links(
                    self.world.crossroads,
                    self.world.network,
                    self.host,
                    introduction,
                    self._ports.pop(introduction.own),
                    feed=lambda news: self._run.feed(News(talk, news)),
                    received=lambda: self.engine.received(talk),
                )
                self.links[talk].begin()
            case engine.Order(talk, order):
                if isinstance(order, FileOrder):
                    raise RuleBroken("a fault of the simulation", "there are no files")
                self.links[talk].perform(order)
                if isinstance(order, orders.CloseAll):
                    del self.links[talk]
            case engine.Fault(_, code):
                raise RuleBroken("an honest client was called a liar", f"{self.name} {code.value}")
            case engine.CheckServer() | search.Settled() | search.Unmatched():
                pass
            case _:
                self._ask(effect)

    def _ask(self, order: engine.ServerOrder) -> None:
        match order:
            case session.SendRestore(token, match_ids):
                self._request(control.Restore(1, token, match_ids), self._restored)
            case search.SendSeek(attempt, after):
                delay = self._scheduler.between(0.0, 0.3) if self._scheduler.chance(0.3) else 0.0
                self._scheduler.after(delay, lambda: self._seek(attempt, after))
            case search.SendCancel(attempt):
                self._request(
                    control.CancelSeek(1),
                    lambda answer: self._run.feed(search.CancelAnswered(attempt, _code(answer))),
                )
            case encounter.SendEndMatch(match_id, reason):
                self._request(control.EndMatch(1, match_id, reason), _nothing)
            case session.SendLogOut():
                self._request(control.LogOut(1), _nothing)
            case session.KeepToken(token):
                self.kept_token = token
            case session.DropToken():
                self.kept_token = ""

    def _tell(self, event: api.Event) -> None:
        self._note(f"{event}")
        match event:
            case api.StateChanged(state):
                self.world.talks.moved(self.name, self.state, state)
                self.state = state
            case api.TalkEvent():
                self.world.talks.told(self.name, event)
            case api.Notice(Code.BAD_CANDIDATE.value as code):
                raise RuleBroken("an honest server was called a liar", f"{self.name} {code}")

    def _seek(self, attempt: int, after: str) -> None:
        if not self.alive or self.engine.standing.attempt != attempt:
            return
        self._run.feed(search.Sent(attempt))
        self._ports.pop(self._certificate, None)
        has_port = not self._scheduler.chance(0.1)
        self._certificate, port = self.prepare(f"attempt {attempt}", has_port=has_port)
        message = control.Seek(
            1,
            self._certificate,
            port.candidates if port else (),
            port.told.nat if port else UNKNOWN_NAT,
            after=after,
            hide_address=self._scheduler.chance(0.1),
        )
        self._request(message, lambda answer: self._run.feed(search.SeekAnswered(attempt, _code(answer))))

    def _restored(self, answer: control.Answer | Code) -> None:
        match answer:
            case control.LoggedIn():
                self._run.feed(session.LoggedIn(answer.username, answer.token))
            case control.Refused():
                self._run.feed(session.RestoreRefused(code_of(answer.code), answer.retry_after))
            case Code.TIMED_OUT | Code.SERVER_UNREACHABLE:
                pass  # the stream is over; `Offline` says so

    # -- the stream to the server ---------------------------------------------------------

    def _reconnect(self, effect: reconnect.Effect) -> None:
        if isinstance(effect, reconnect.Try):
            server = self.world.server
            if self.host.reachable and server.host.reachable:
                self._scheduler.after(self._scheduler.between(0.01, 1.0), self._connected)
            else:
                self._scheduler.after(self._scheduler.between(0.01, 10.0), self._not_connected)

    def _not_connected(self) -> None:
        if self.alive:
            self._patience.feed(reconnect.Broke(Code.SERVER_UNREACHABLE, self._scheduler.random.random()))

    def _connected(self) -> None:
        if not self.alive:
            return
        server = self.world.server
        if not (self.host.reachable and server.host.reachable):
            self._not_connected()
            return
        stream = self.world.network.join(self.host, server.host)
        self._end = end = stream.ends[0]
        self._reader = FrameReader(SERVER_LEG)
        self._welcomed, self._retry_after = False, None
        end.on_data = lambda data: self._data(end, data)
        end.on_close = lambda: self._broken(end)
        server.accept(stream.ends[1])
        self._send(control.Hello((1,)))
        self._scheduler.after(10.0, lambda: None if self._welcomed else self._abort(end))

    def _send(self, message: Message) -> None:
        if self._end is not None:
            self._last_written = self._scheduler.now
            self._end.send(encode(message))

    def _request(self, message: control.Request, answered: Callable[[control.Answer | Code], None]) -> None:
        end = self._end
        if end is None or not self._welcomed:
            self._answer_soon(answered, Code.SERVER_UNREACHABLE)
            return
        self._last_id += 1
        id_ = self._last_id
        self._waiting[id_] = answered
        self._send(msgspec.structs.replace(message, id=id_))
        self._scheduler.after(REQUEST_TIMEOUT, lambda: self._timed_out(end, id_))

    def _timed_out(self, end: End, id_: int) -> None:
        if self.alive and end is self._end and (answered := self._waiting.pop(id_, None)) is not None:
            self._abort(end)
            answered(Code.TIMED_OUT)

    def _abort(self, end: End) -> None:
        if self.alive and end is self._end:
            end.abort()
            self._broken(end)

    def _broken(self, end: End) -> None:
        if end is not self._end:
            return
        self._end = None
        waiting, self._waiting = self._waiting, {}
        for answered in waiting.values():
            self._answer_soon(answered, Code.SERVER_UNREACHABLE)
        was_welcomed, self._welcomed = self._welcomed, False
        spread = self._scheduler.random.random()
        self._patience.feed(reconnect.Broke(Code.SERVER_CLOSING, spread, self._retry_after))
        if was_welcomed:
            self._run.feed(session.Offline())

    def _answer_soon(
        self, answered: Callable[[control.Answer | Code], None], answer: control.Answer | Code
    ) -> None:
        """Answer as a future does: its waiter runs after what is being done now, and the news beside it."""
        self._scheduler.after(0.0, lambda: answered(answer) if self.alive else None)

    def _keep_alive(self, end: End) -> None:
        if not self.alive or end is not self._end:
            return
        due = self._last_written + PING_INTERVAL
        if due <= self._scheduler.now:
            self._request(control.Ping(1), _nothing)
            due = self._scheduler.now + PING_INTERVAL
        self._scheduler.at(due, lambda: self._keep_alive(end))

    def _data(self, end: End, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                if end is self._end:
                    self._take(end, SERVER_MESSAGES.decode(frame))
        except RemoteProtocolError as error:
            raise RuleBroken("an honest server was called a liar", str(error)) from error

    def _take(self, end: End, message: control.ServerMessage) -> None:
        match message:
            case control.Welcome():
                self._welcomed = True
                self._patience.feed(reconnect.Came())
                self._scheduler.at(self._scheduler.now + PING_INTERVAL, lambda: self._keep_alive(end))
                self._run.feed(session.Online())
            case control.Done() | control.LoggedIn() | control.Refused():
                answered = self._waiting.pop(message.id, None)
                if answered is None:
                    raise RuleBroken("an answer that nobody waits for", f"{self.name} {message}")
                self._answer_soon(answered, message)
            case control.Closing(code, retry_after):
                self._retry_after = retry_after or None
                closing = code_of(code)
                if closing in (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED):
                    self._run.feed(session.Closed(closing))
            case control.Matched():
                self.introduce(introduction_of(message, own=self._certificate, signer=bytes(32)))
            case control.MatchEnded(match_id, reason):
                self._run.feed(encounter.MatchEnded(match_id, reason))

    def _note(self, text: str) -> None:
        self._scheduler.note(f"{self.name} {text}")


def _code(answer: control.Answer | Code) -> Code | None:
    if isinstance(answer, control.Refused):
        return code_of(answer.code)
    return answer if isinstance(answer, Code) else None


def _nothing(answer: control.Answer | Code) -> None:
    del answer
