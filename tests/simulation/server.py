"""The simulated server: the real node and bus behind a gateway of few words (accounts, connections, news)."""

from collections.abc import Callable
from typing import TypeAlias

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.machine import Tick
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.control import CLIENT_MESSAGES
from floater.wire.frame import SERVER_LEG, FrameReader
from server.core import events
from server.core.node import Node
from server.core.sides import side_of
from tests.helpers.nodes import SettledNode
from tests.simulation.ledger import MatchLedger
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken, Run

SILENCE_LIMIT = 135.0
MakeNode: TypeAlias = Callable[[], Node]


class Connection:
    """One client's stream, seen from the server."""

    def __init__(self, server: "Server", end: End) -> None:
        self.user: int | None = None
        self.device = server.next_device()
        self.host = f"2001:db8::{self.device:x}"
        self.token = ""
        self.end = end
        self.heard_at = server.scheduler.now
        self._server = server
        self._reader = FrameReader(SERVER_LEG)
        end.on_data = self._data
        end.on_close = lambda: server.gone(self)

    def send(self, message: Message) -> None:
        """Say something."""
        self.end.send(encode(message))

    def _data(self, data: bytes) -> None:
        self.heard_at = self._server.scheduler.now
        try:
            for frame in self._reader.feed(data):
                self._server.asked(self, CLIENT_MESSAGES.decode(frame))
        except RemoteProtocolError as error:
            raise RuleBroken("an honest client was called a liar", str(error)) from error


class Server:
    """Accounts, connections, and a node that forgets everything when the server restarts."""

    def __init__(self, network: Network, make_node: MakeNode, *, peek: bool = True) -> None:
        self.scheduler = network.scheduler
        self.host = Host(self.scheduler, "server")
        self.tokens: dict[str, int] = {}
        self.connections: dict[int, Connection] = {}
        self.pairings = 0
        self.restarts = 0
        self._network = network
        self._make_node = make_node
        self._peek = peek
        self._everyone: dict[Connection, None] = {}  # in their order: sets have another in every run
        self._seen: set[str] = set()
        self._asking: events.Request | None = None
        self._devices = 0
        self._numbers = 0
        self._begin()

    def _begin(self) -> None:
        self.node = self._make_node()
        self.ledger = MatchLedger(self.scheduler, self.node if self._peek else None, self._seen)
        self._run: Run[events.Event, list[events.Effect]] = Run(
            self.scheduler, _Whole(self.node, self.ledger), self._perform
        )

    def next_device(self) -> int:
        """Number a stream."""
        self._devices += 1
        return self._devices

    # -- coming and going -----------------------------------------------------------------

    def accept(self, end: End) -> None:
        """Somebody has connected."""
        connection = Connection(self, end)
        self._everyone[connection] = None
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        if connection not in self._everyone:
            return
        left = connection.heard_at + SILENCE_LIMIT - self.scheduler.now
        if left <= 0.0:
            connection.end.close()
            self.gone(connection)
        else:
            self.scheduler.after(left, lambda: self._watch(connection))

    def gone(self, connection: Connection) -> None:
        """A stream has ended."""
        self._everyone.pop(connection, None)
        user = connection.user
        if user is not None and self.connections.get(user) is connection:
            del self.connections[user]
            self._feed(events.Dropped(user))
        connection.user = None

    def restart(self, *, polite: bool, down: float) -> None:
        """Go away for a while and forget everything but the accounts."""
        self.restarts += 1
        self.scheduler.note(f"server restarts, polite {polite}, {down:.1f} s")
        for connection in list(self._everyone):
            if polite:
                connection.send(control.Closing(Code.SERVER_CLOSING.value, down))
                connection.end.close()
            connection.user = None
        self._everyone.clear()
        self.connections.clear()
        self.pairings += self.ledger.pairings
        self.ledger.pairings = 0
        for stream in self._network.streams:
            if stream.relayed or (not polite and any(end.host is self.host for end in stream.ends)):
                stream.cut()
        self.host.unplug(down)
        self._run.close()
        self._begin()

    # -- requests -------------------------------------------------------------------------

    def asked(self, connection: Connection, message: control.ClientMessage) -> None:
        """Carry a request out."""
        match message:
            case control.Hello():
                connection.send(
                    control.Welcome(version=1, time=0.0, observers=(), observer_key="", ticket_key=bytes(32))
                )
            case control.LogIn() | control.Restore():
                delay = self.scheduler.between(0.001, 0.3)  # a password is hashed, a database asked
                self.scheduler.after(delay, lambda: self._log_in(connection, message))
            case control.Ping():
                connection.send(control.Done(message.id))
            case _ if connection.user is None:
                connection.send(control.Refused(Code.NOT_LOGGED_IN.value, message.id))
            case control.LogOut():
                self.tokens.pop(connection.token, None)
                user, connection.user = connection.user, None
                del self.connections[user]
                self._feed(events.Left(user))
                connection.send(control.Done(message.id))
            case control.Seek():
                self._wish(connection, message)
            case control.CancelSeek():
                self._ask(events.CancelSeek(self._request(connection, message)))
            case control.EndMatch():
                request = self._request(connection, message)
                self._ask(events.EndMatch(request, message.match_id, message.reason))
            case _:
                raise RuleBroken("a fault of the simulation", f"{type(message).__name__}")

    def _log_in(self, connection: Connection, message: control.LogIn | control.Restore) -> None:
        if connection not in self._everyone:
            return
        if isinstance(message, control.LogIn):
            user = int(message.email.partition("@")[0])
            self._numbers += 1
            token = f"token-{self._numbers}"
            self.tokens[token] = user
            event: events.Event = events.Returned(user, (), "")
        else:
            token = message.token
            known = self.tokens.get(token)
            if known is None:
                connection.send(control.Refused(Code.SESSION_ENDED.value, message.id))
                return
            user = known
            stranger = message.match_with_stranger
            event = events.Returned(user, message.matches, connection.host, stranger)
        earlier = self.connections.get(user)
        if earlier is not None and earlier is not connection:
            earlier.send(control.Closing(Code.LOGGED_IN_ELSEWHERE.value))
            earlier.user = None
            earlier.end.close()
            self._everyone.pop(earlier, None)
        connection.user, connection.token = user, token
        self.connections[user] = connection
        fresh = token if isinstance(message, control.LogIn) else ""
        connection.send(control.LoggedIn(message.id, f"user {user}", fresh))
        self._feed(event)

    def _wish(self, connection: Connection, message: control.Seek) -> None:
        self._numbers += 1
        request = self._request(connection, message)
        name = f"user {connection.user}"
        side, notice = side_of(message, username=name, host=connection.host, seen=frozenset())
        pick, match_id = self.scheduler.random.random(), f"match-{self._numbers}"
        wish = events.Seek(request, side, pick, match_id, message.after, self.scheduler.now, notice)
        self._ask(wish)

    # -- the node -------------------------------------------------------------------------

    def _request(self, connection: Connection, message: control.Request) -> events.Request:
        assert connection.user is not None
        return events.Request(connection.user, connection.device, message.id)

    def _ask(self, event: events.Seek | events.CancelSeek | events.EndMatch) -> None:
        self._asking = event.request
        self._feed(event)
        if self._asking is not None:
            raise RuleBroken("a request got no answer", f"{event}")

    def _feed(self, event: events.Event) -> None:
        self._run.feed(event)

    def _perform(self, effects: list[events.Effect]) -> None:
        for effect in effects:
            match effect:
                case events.Agreed(request):
                    self._answer(request, control.Done(request.id))
                case events.Refused(request, code):
                    self._answer(request, control.Refused(code.value, request.id))
                case events.Matched():
                    self._matched(effect)
                case events.MatchEnded(user, match_id, reason):
                    self.scheduler.note(f"server: {match_id} ended for {user}, {reason.value}")
                    if (connection := self.connections.get(user)) is not None:
                        connection.send(control.MatchEnded(match_id, reason))

    def _answer(self, request: events.Request, answer: control.Answer) -> None:
        connection = self.connections.get(request.account)
        if self._asking != request or connection is None or connection.device != request.device:
            raise RuleBroken("an answer to nobody", f"{request} {answer}")
        self._asking = None
        connection.send(answer)

    def _matched(self, matched: events.Matched) -> None:
        self.scheduler.note(f"server: {matched.match_id} has {matched.user} as {matched.role.value}")
        connection = self.connections.get(matched.user)
        if connection is None:
            raise RuleBroken("somebody was paired who is not here", f"{matched.user}")
        news = control.Matched(
            match_id=matched.match_id,
            role=matched.role,
            peer=control.Peer(matched.peer.username),
            certificate=matched.peer.certificate,
            ticket=matched.match_id.encode(),
            signature=bytes(64),
            relay_token=b"",
            candidates=matched.candidates,
            nat=matched.nat,
            relay_only=matched.relay_only,
        )
        connection.send(news)


class _Whole:
    """The node and its bus, with the book-keeper reading over their shoulders."""

    def __init__(self, machine: Node, ledger: MatchLedger) -> None:
        self._node = SettledNode(machine)
        self._ledger = ledger

    @property
    def deadline(self) -> float | None:
        return self._node.deadline

    def feed(self, event: events.Event | Tick, *, now: float) -> list[list[events.Effect]]:
        effects = self._node.feed(event, now=now)
        self._ledger.check(event, effects)
        return [effects]
