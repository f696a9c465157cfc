"""A small server for talks of every kind: it answers requests and tells of the end of a match."""

import itertools
from collections.abc import Callable

from floater.codes import Code
from floater.core.meet.introduction import Introduction, Relay, TicketProof
from floater.errors import RemoteProtocolError
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.control import CLIENT_MESSAGES, EndReason, Role
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.nat import UNKNOWN_NAT
from tests.simulation.client import Client
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken


class _Stream:
    """One client's stream."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.user = 0  # no user has this number
        self.token = ""
        self.reader = FrameReader(SERVER_LEG)

    def send(self, message: Message) -> None:
        self.end.send(encode(message))


class TalkServer:
    """Log-ins, searches and matches. The two who have sought longest are matched.

    Args:
        network: carries the streams.
        matched: is told of a match of two who sought: its id and the names of their clients.
    """

    def __init__(self, network: Network, matched: Callable[[str, tuple[str, str]], None]) -> None:
        self.host = Host(network.scheduler, "server")
        self.matches: dict[str, frozenset[int]] = {}
        "The two users of every match that is on."
        self._scheduler = network.scheduler
        self._matched = matched
        self._streams: dict[int, _Stream] = {}
        "By user."
        self._tokens: dict[str, int] = {}
        self._seeking: dict[int, control.Seek] = {}
        self._numbers = itertools.count(1)

    def accept(self, end: End) -> None:
        """Serve a new stream."""
        stream = _Stream(end)
        end.on_data = lambda data: self._data(stream, data)
        end.on_close = lambda: self._gone(stream)

    def introduce(self, one: Client, other: Client) -> tuple[Introduction, Introduction]:
        """Begin a match of two clients that did not seek; each is to be given its introduction."""
        talk = self._begin(one.account, other.account)
        has_port = [not self._scheduler.chance(0.1) for _ in range(2)]
        hides = self._scheduler.chance(0.1)
        sides = one.prepare(talk, has_port=has_port[0]), other.prepare(talk, has_port=has_port[1])
        roles, names = (Role.LEADER, Role.FOLLOWER), (one.name, other.name)
        introductions: list[Introduction] = []
        for side in (0, 1):
            certificate, port = sides[1 - side]
            own = Introduction(
                match_id=talk,
                role=roles[side],
                name=names[1 - side],
                own=sides[side][0],
                certificate=certificate,
                proof=TicketProof(talk.encode(), bytes(64), bytes(32)),
                candidates=port.candidates if port and not hides else (),
                nat=port.told.nat if port else UNKNOWN_NAT,
                relay=Relay(b""),
                hides=hides,
            )
            introductions.append(own)
        return introductions[0], introductions[1]

    # -- streams --------------------------------------------------------------------------

    def _gone(self, stream: _Stream) -> None:
        if self._streams.get(stream.user) is stream:
            del self._streams[stream.user]
            self._seeking.pop(stream.user, None)
        stream.user = 0

    def _data(self, stream: _Stream, data: bytes) -> None:
        try:
            for frame in stream.reader.feed(data):
                self._take(stream, CLIENT_MESSAGES.decode(frame))
        except RemoteProtocolError as error:
            raise RuleBroken("an honest client was called a liar", str(error)) from error

    def _take(self, stream: _Stream, message: control.ClientMessage) -> None:
        match message:
            case control.Hello():
                stream.send(
                    control.Welcome(version=1, time=0.0, observers=(), observer_key="", ticket_key=bytes(32))
                )
            case control.LogIn() | control.Restore():
                self._log_in(stream, message)
            case control.Ping():
                stream.send(control.Done(message.id))
            case _ if not stream.user:
                stream.send(control.Refused(Code.NOT_LOGGED_IN.value, message.id))
            case control.LogOut():
                self._tokens.pop(stream.token, None)
                self._end_all(stream.user, EndReason.LEFT)
                self._gone(stream)
                stream.send(control.Done(message.id))
            case control.Seek():
                stream.send(control.Done(message.id))
                self._seeking[stream.user] = message
                if len(self._seeking) == 2:
                    self._pair()
            case control.CancelSeek():
                sought = self._seeking.pop(stream.user, None) is not None
                code = Code.ALREADY_MATCHED.value
                stream.send(control.Done(message.id) if sought else control.Refused(code, message.id))
            case control.EndMatch(match_id=talk, reason=reason):
                stream.send(control.Done(message.id))
                if stream.user in self.matches.get(talk, ()):
                    self._end(talk, stream.user, reason)
            case _:
                raise RuleBroken("a fault of the simulation", f"{type(message).__name__}")

    # -- log-ins --------------------------------------------------------------------------

    def _log_in(self, stream: _Stream, message: control.LogIn | control.Restore) -> None:
        if isinstance(message, control.LogIn):
            user = int(message.email.partition("@")[0])
            token = fresh = f"token-{next(self._numbers)}"
            self._tokens[token] = user
        else:
            token, fresh = message.token, ""
            user = self._tokens.get(token, 0)
            if not user:
                stream.send(control.Refused(Code.SESSION_ENDED.value, message.id))
                return
        before = self._streams.pop(user, None)
        if before is not None and before is not stream:
            before.send(control.Closing(Code.LOGGED_IN_ELSEWHERE.value))
            before.end.close()
            before.user = 0
        self._seeking.pop(user, None)
        stream.user, stream.token, self._streams[user] = user, token, stream
        stream.send(control.LoggedIn(message.id, f"user {user}", fresh))
        named = message.matches if isinstance(message, control.Restore) else ()
        self._end_all(user, EndReason.LEFT, but=named)
        for talk in named:
            if user not in self.matches.get(talk, ()):
                stream.send(control.MatchEnded(talk, EndReason.LOST))

    # -- matches --------------------------------------------------------------------------

    def _begin(self, one: int, other: int) -> str:
        talk = f"talk-{next(self._numbers)}"
        self.matches[talk] = frozenset((one, other))
        return talk

    def _pair(self) -> None:
        (one, ours), (other, theirs) = self._seeking.items()
        self._seeking.clear()
        talk = self._begin(one, other)
        self._matched(talk, (_client_of(ours.certificate), _client_of(theirs.certificate)))
        hides = ours.hide_address or theirs.hide_address
        for user, role, peer, wish in ((one, Role.LEADER, other, theirs), (other, Role.FOLLOWER, one, ours)):
            news = control.Matched(
                match_id=talk,
                role=role,
                peer=control.Peer(f"user {peer}"),
                certificate=wish.certificate,
                ticket=talk.encode(),
                signature=bytes(64),
                relay_token=b"",
                candidates=() if hides else wish.candidates,
                nat=wish.nat,
                relay_only=hides,
            )
            self._streams[user].send(news)

    def _end_all(self, user: int, reason: EndReason, *, but: tuple[str, ...] = ()) -> None:
        for talk in [talk for talk, users in self.matches.items() if user in users and talk not in but]:
            self._end(talk, user, reason)

    def _end(self, talk: str, by: int, reason: EndReason) -> None:
        for user in self.matches.pop(talk) - {by}:
            if user in self._streams:
                self._streams[user].send(control.MatchEnded(talk, reason))


def _client_of(certificate: bytes) -> str:
    """Return the name of the client that made a certificate; see `Client.prepare`."""
    return certificate.partition(b" ")[0].decode()
