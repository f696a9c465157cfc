"""The simulated client: the real `Stranger`, `Reconnect`, `Path` and `Talk`, wired as in `floater.client`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import path
from floater.core.person import reconnect, stranger
from floater.core.talk import talk
from floater.core.talk.orders import Greeted, Over
from floater.errors import Refused, RemoteProtocolError
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.control import SERVER_MESSAGES, code_of
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.message_id import author_of
from tests.simulation.meeting import Meeting, Report
from tests.simulation.network import End, Host
from tests.simulation.scheduler import RuleBroken, Run

if TYPE_CHECKING:
    from tests.simulation.world import World

PING_INTERVAL = 45.0
REQUEST_TIMEOUT = 20.0
_OUR_DOING = (api.Ended.YOU_HUNG_UP, api.Ended.LOGGED_OUT, api.Ended.LOGGED_IN_ELSEWHERE)


class Client:
    """One run of the program on one computer."""

    def __init__(self, world: "World", name: str, account: int) -> None:
        self.name = name
        self.account = account
        self.host = Host(world.scheduler, name)
        self.world = world
        self.kept_token = ""
        self.alive = True
        self.state = api.State.SIGNED_OUT
        "The state that the person was told last."
        self.encounter: Encounter | None = None
        self.machine = stranger.Stranger()
        self.sought_by_hand = False
        self._scheduler = world.scheduler
        self._run: Run[stranger.Event, stranger.Effect] = Run(world.scheduler, self.machine, self._perform)
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
        self._last_match = ""

    def start(self, token: str = "") -> None:
        """Start the program, perhaps with the log-in of an earlier run."""
        self.kept_token = token
        if token:
            self._run.feed(stranger.Remember(token))
        self._patience.feed(reconnect.Begin())

    def die(self, *, silent: bool) -> None:
        """Be killed, without a goodbye."""
        self._note("dies" + (" silently" if silent else ""))
        self.alive = self.host.up = False
        self.world.network.turn_off(self.host, silent=silent)
        self._run.close()
        self._patience.close()
        for encounter in (self.encounter, *self.world.leaving.pop(self, ())):
            if encounter is not None:
                encounter.die()

    # -- wishes of the person -------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a log-in is under way."""
        return bool(self._waiting)

    @property
    def online(self) -> bool:
        """Whether the server is reached."""
        return self.machine.online

    def wish(self, wish: stranger.Seek | stranger.CancelSeek | stranger.HangUp | stranger.LogOut) -> bool:
        """Press a button; False if it was turned down."""
        self._note(f"wishes {type(wish).__name__}")
        try:
            self._run.feed(wish)
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
                self._run.feed(stranger.LoggedIn(answer.username, answer.token))

        self._request(control.LogIn(1, f"{self.account}@example.org", "correct horse"), answered)

    # -- what the stranger wants ----------------------------------------------------------

    def _perform(self, effect: stranger.Effect) -> None:
        match effect:
            case Emit(event):
                self.tell(event)
            case stranger.SendRestore(token, match_id):
                self._request(control.Restore(1, token, match_id), self._restored)
            case stranger.SendSeek(attempt, after):
                self._seek(attempt, after)
            case stranger.SendCancel(attempt):
                self._request(
                    control.CancelSeek(1),
                    lambda answer: self._run.feed(stranger.CancelAnswered(attempt, _code(answer))),
                )
            case stranger.SendEndMatch(match_id, reason):
                self._request(control.EndMatch(1, match_id, reason), _nothing)
            case stranger.SendLogOut():
                self._request(control.LogOut(1), _nothing)
            case stranger.KeepToken(token):
                self.kept_token = token
            case stranger.DropToken():
                self.kept_token = ""
            case stranger.BeginMeeting(matched):
                if self.encounter is not None:
                    raise RuleBroken("a client was in two matches", f"{self.name} {matched.match_id}")
                self.encounter = Encounter(self, matched, self._certificate)
                self.encounter.start()
            case stranger.EndMeeting(match_id, reason):
                encounter, self.encounter = self.encounter, None
                if encounter is None or encounter.match_id != match_id:
                    raise RuleBroken("a match was ended that was none", f"{self.name} {match_id}")
                encounter.leave(reason)

    def tell(self, event: api.Event) -> None:
        """Tell the person."""
        self._note(f"{event}")
        match event:
            case api.StateChanged(state):
                self.world.talks.moved(self.name, self.state, state)
                self.state = state
            case api.TalkEnded():
                self.world.talks.told(self._last_match, self.name, event)
            case api.Matched(match_id):
                self._last_match = match_id

    def feed(self, event: stranger.Event) -> None:
        """Give the stranger news of its match."""
        self._run.feed(event)

    def _seek(self, attempt: int, after: str) -> None:
        self._certificate = f"{self.name} attempt {attempt}".encode().ljust(64, b".")
        message = control.Seek(1, self._certificate, after=after, hide_address=self._scheduler.chance(0.1))
        self._request(message, lambda answer: self._run.feed(stranger.SeekAnswered(attempt, _code(answer))))

    def _restored(self, answer: control.Answer | Code) -> None:
        match answer:
            case control.LoggedIn():
                self._run.feed(stranger.LoggedIn(answer.username, answer.token))
            case control.Refused():
                self._run.feed(stranger.RestoreRefused(code_of(answer.code), answer.retry_after))
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
            self._patience.feed(reconnect.Broke(self._scheduler.random.random()))

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
        self._patience.feed(reconnect.Broke(self._scheduler.random.random(), self._retry_after))
        if was_welcomed:
            self._run.feed(stranger.Offline())

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
                self._run.feed(stranger.Online())
            case control.Done() | control.LoggedIn() | control.Refused():
                answered = self._waiting.pop(message.id, None)
                if answered is None:
                    raise RuleBroken("an answer that nobody waits for", f"{self.name} {message}")
                self._answer_soon(answered, message)
            case control.Closing(code, retry_after):
                self._retry_after = retry_after or None
                closing = code_of(code)
                if closing in (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED):
                    self._run.feed(stranger.Closed(closing))
            case control.Matched() | control.MatchEnded():
                self._run.feed(message)

    def _note(self, text: str) -> None:
        self._scheduler.note(f"{self.name} {text}")


class Encounter:
    """The two of one match at one side, as `floater.client.encounter` wires them."""

    def __init__(self, client: Client, matched: control.Matched, certificate: bytes) -> None:
        self.client = client
        self.match_id = matched.match_id
        self.talk = talk.Talk(author_of(certificate), author_of(matched.certificate))
        self.met = False
        self.since = client.world.scheduler.now
        self._ending = False
        self._run: Run[talk.Event, talk.Effect] = Run(client.world.scheduler, self.talk, self._perform)
        self.meeting = Meeting(
            client.world.crossroads,
            client.world.network,
            client.host,
            matched,
            certificate,
            report=self._reported,
            received=lambda: self.talk.received,
        )

    def start(self) -> None:
        """Look for the peer."""
        self.meeting.start()

    def wish(self, wish: talk.Wish) -> str:
        """Say something.

        Raises:
            Refused: nothing was changed.
        """
        if not self.met:
            raise Refused(Code.NO_TALK)
        self._run.feed(wish)
        return self.talk.last_id

    def leave(self, reason: api.Ended) -> None:
        """Let go of the peer, and say so where it has to hear it from us."""
        self._ending = True
        self.client.world.leaving.setdefault(self.client, []).append(self)
        if self.talk.is_over:
            self._close()
        else:
            self._feed(api.HangUp() if reason in _OUR_DOING and self.met else talk.End(reason))

    def die(self) -> None:
        """Be gone with the client."""
        self.client.world.talks.died(self.match_id, self.client.name)
        self._run.close()
        self.meeting.die()

    def _close(self) -> None:
        leaving = self.client.world.leaving.get(self.client, [])
        if self.client.alive and self in leaving:
            leaving.remove(self)
            self.meeting.close()
            self._run.close()

    def _reported(self, report: Report) -> None:
        match report:
            case link.LinkUp():
                if not self.met:
                    self.met = True
                    self.client.world.talks.met(self.match_id, self.client.name)
                    self.client.feed(stranger.Met(self.match_id))
                self._feed(report)
            case link.Arrived() | link.LinkDown() | link.Check():
                self._feed(report)
            case path.Lost():
                self.client.feed(stranger.Lost(self.match_id))
            case path.NoShow(code):
                self.client.feed(stranger.NoShow(self.match_id, code))
            case _:
                self.client.world.scheduler.note(f"{self.client.name} {report}")

    def _feed(self, event: talk.Event) -> None:
        try:
            self._run.feed(event)
        except RemoteProtocolError as error:
            raise RuleBroken("an honest client was called a liar", f"{self.match_id} {error}") from error

    def _perform(self, effect: talk.Effect) -> None:
        match effect:
            case link.Transmit():
                self.meeting.transmit(effect)
            case link.Suspect(number):
                self.meeting.suspect(number)
            case link.Alive(number):
                self.meeting.alive(number)
            case Emit(event):
                self.client.world.talks.told(self.match_id, self.client.name, event)
                self.client.world.scheduler.note(f"{self.client.name} {event}")
            case Greeted():
                self.client.feed(stranger.Greeted(self.match_id))
            case Over(reason):
                self.client.feed(stranger.Over(self.match_id, reason))
                self.client.world.scheduler.after(0.0, self._close)


def _code(answer: control.Answer | Code) -> Code | None:
    if isinstance(answer, control.Refused):
        return code_of(answer.code)
    return answer if isinstance(answer, Code) else None


def _nothing(answer: control.Answer | Code) -> None:
    del answer
