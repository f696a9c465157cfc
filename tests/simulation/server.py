"""The simulated server: the real lobby behind a gateway of few words (accounts, connections, news)."""

from collections.abc import Callable
from typing import TypeAlias

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.control import CLIENT_MESSAGES
from floater.wire.frame import SERVER_LEG, FrameReader
from server.core import lobby
from tests.simulation.ledger import LobbyLedger
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken, Run

SILENCE_LIMIT = 135.0
MakeLobby: TypeAlias = Callable[[], lobby.Lobby]


class Connection:
    """One client's stream, seen from the server."""

    def __init__(self, server: "Server", end: End) -> None:
        self.user: int | None = None
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
    """Accounts, connections, and a lobby that forgets everything when the server restarts."""

    def __init__(self, network: Network, make_lobby: MakeLobby, *, peek: bool = True) -> None:
        self.scheduler = network.scheduler
        self.host = Host(self.scheduler, "server")
        self.tokens: dict[str, int] = {}
        self.connections: dict[int, Connection] = {}
        self.pairings = 0
        self.restarts = 0
        self._network = network
        self._make_lobby = make_lobby
        self._peek = peek
        self._everyone: dict[Connection, None] = {}  # in their order: sets have another in every run
        self._seen: set[str] = set()
        self._wishes: dict[int, control.Seek] = {}
        self._asking: tuple[Connection, int] | None = None
        self._event: lobby.Event | object = None
        self._numbers = 0
        self._begin()

    def _begin(self) -> None:
        self.lobby = self._make_lobby()
        self.ledger = LobbyLedger(self.scheduler, self.lobby if self._peek else None, self._seen)
        self._run: Run[lobby.Event, list[lobby.Effect]] = Run(
            self.scheduler, _Whole(self.lobby, self.ledger), self._perform
        )

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
            self._feed(lobby.Dropped(user))
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
        self._wishes.clear()
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
                self._feed(lobby.Left(user))
                connection.send(control.Done(message.id))
            case control.Seek():
                self._wish(connection, message)
            case control.CancelSeek():
                self._ask(connection, message.id, lobby.CancelSeek(connection.user))
            case control.EndMatch():
                event = lobby.EndMatch(connection.user, message.match_id, message.reason)
                self._ask(connection, message.id, event)
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
            event: lobby.Event = lobby.Arrived(user)
        else:
            token = message.token
            known = self.tokens.get(token)
            if known is None:
                connection.send(control.Refused(Code.SESSION_ENDED.value, message.id))
                return
            user = known
            event = lobby.Returned(user, message.matches[0]) if message.matches else lobby.Arrived(user)
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
        assert connection.user is not None
        self._numbers += 1
        before = self._wishes.get(connection.user)
        self._wishes[connection.user] = message
        pick = self.scheduler.random.random()
        wish = lobby.Seek(connection.user, pick, f"match-{self._numbers}", message.after)
        if not self._ask(connection, message.id, wish) and before is not None:
            self._wishes[connection.user] = before

    # -- the lobby ------------------------------------------------------------------------

    def _ask(self, connection: Connection, id_: int, event: lobby.Event) -> bool:
        self._asking = connection, id_
        self._granted = False
        self._feed(event)
        unanswered = self._asking is not None
        if unanswered:
            raise RuleBroken("a request got no answer", f"{event}")
        return self._granted

    def _feed(self, event: lobby.Event) -> None:
        self._run.feed(event)

    def _perform(self, effects: list[lobby.Effect]) -> None:
        for effect in effects:
            match effect:
                case lobby.Agreed(user):
                    self._answer(user, None)
                case lobby.Refused(user, code):
                    self._answer(user, code)
                case lobby.Matched():
                    self._matched(effect)
                case lobby.MatchEnded(user, match_id, reason):
                    self.scheduler.note(f"server: {match_id} ended for {user}, {reason.value}")
                    if (connection := self.connections.get(user)) is not None:
                        connection.send(control.MatchEnded(match_id, reason))

    def _answer(self, user: int, code: Code | None) -> None:
        if self._asking is None or self._asking[0].user != user:
            raise RuleBroken("an answer to nobody", f"{user} {code}")
        connection, id_ = self._asking
        self._asking = None
        self._granted = code is None
        connection.send(control.Done(id_) if code is None else control.Refused(code.value, id_))

    def _matched(self, matched: lobby.Matched) -> None:
        self.scheduler.note(f"server: {matched.match_id} of {matched.leader} and {matched.follower}")
        both = matched.leader, matched.follower
        roles = control.Role.LEADER, control.Role.FOLLOWER
        wishes = [self._wishes.pop(user) for user in both]
        for user, role, peer, wish in zip(both, roles, both[::-1], wishes[::-1], strict=True):
            connection = self.connections.get(user)
            if connection is None:
                raise RuleBroken("somebody was paired who is not here", f"{user}")
            relay_only = any(wish.hide_address for wish in wishes)
            news = control.Matched(
                match_id=matched.match_id,
                role=role,
                peer=control.Peer(f"user {peer}"),
                certificate=wish.certificate,
                ticket=matched.match_id.encode(),
                signature=bytes(64),
                relay_token=b"",
                candidates=() if relay_only else wish.candidates,
                nat=wish.nat,
                relay_only=relay_only,
            )
            connection.send(news)


class _Whole:
    """The lobby, with the book-keeper reading over its shoulder."""

    def __init__(self, machine: lobby.Lobby, ledger: LobbyLedger) -> None:
        self._lobby = machine
        self._ledger = ledger

    @property
    def deadline(self) -> float | None:
        return self._lobby.deadline

    def feed(self, event: lobby.Event | object, *, now: float) -> list[list[lobby.Effect]]:
        effects = self._lobby.feed(event, now=now)  # type: ignore[arg-type]  # a Tick too
        self._ledger.check(event, effects)
        return [effects]
