"""What must be true of many talks at once, checked from what people wish and what each client tells them.

Everything stands by (talk, client). The ledger shares no code with the engine.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from floater import api
from tests.simulation.ledger import TalkLedger
from tests.simulation.scheduler import RuleBroken

_NEXT = {
    None: (api.Standing.CONNECTING,),
    api.Standing.CONNECTING: (api.Standing.GREETING, api.Standing.OVER),
    api.Standing.GREETING: (api.Standing.OPEN, api.Standing.OVER),
    api.Standing.OPEN: (api.Standing.OVER,),
    api.Standing.OVER: (),
}


@dataclass
class Part:
    """One client's part in one talk: what its person has wished, and what it was told."""

    talk: str
    kind: api.TalkKind
    greeting: str | None = None
    "The language in which the person has greeted."
    texts: set[str] = field(default_factory=set)
    has_typed: bool = False
    has_left: bool = False
    "Whether the person has hung up, withdrawn or logged out, or the client has died."
    is_doubled: bool = False
    "Whether the account was logged in to at a second client, which makes one of the two end all talks."
    standing: api.Standing | None = None
    ended: bool = False
    away: bool = False
    paths: set[api.PathKind] = field(default_factory=set)
    "Ways that the network has really brought."

    @property
    def is_on(self) -> bool:
        """Whether the person was told of the talk, and not of its end."""
        return self.standing not in (None, api.Standing.OVER)


class TalksLedger(TalkLedger):
    """Checks that nothing of one talk is told in another, and nothing is lost or stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, dict[str, Part]] = {}
        "By talk, then by client."
        self.of: dict[str, dict[str, Part]] = defaultdict(dict)
        "By client, then by talk."
        self._doubled: set[int] = set()
        self.ends: dict[api.Ended, int] = defaultdict(int)
        self.most = 0
        "Talks in which both had greeted, at once in one client; the highest number."
        self.moves = 0
        "Paths that were told after the first of a talk."

    # -- what people wish -----------------------------------------------------------------

    def doubled(self, account: int) -> None:
        """An account is being logged in to at a second client."""
        self._doubled.add(account)
        for client, parts in self.of.items():
            for part in parts.values():
                part.is_doubled |= _account_of(client) in self._doubled

    def began(self, talk: str, kind: api.TalkKind, clients: tuple[str, str]) -> None:
        """Two are introduced to each other."""
        self.parts[talk] = {client: Part(talk, kind) for client in clients}
        for client, part in self.parts[talk].items():
            part.is_doubled = _account_of(client) in self._doubled
            self.of[client][talk] = part

    def on(self, client: str) -> list[Part]:
        """List the talks that go on at a client, as its person knows them."""
        return [part for part in self.of[client].values() if part.is_on]

    def leaves(self, client: str) -> None:
        """A person ends all talks."""
        for part in self.of[client].values():
            part.has_left = True

    def found(self, talk: str, client: str, kind: api.PathKind) -> None:
        """The network has brought a way."""
        self.parts[talk][client].paths.add(kind)

    def died(self, match_id: str, client: str) -> None:
        """A client is gone without a word."""
        super().died(match_id, client)
        self.leaves(client)

    # -- what they are told ---------------------------------------------------------------

    def told(self, client: str, event: api.TalkEvent) -> None:
        """A client tells its person something of a talk."""
        part = self.parts.get(event.talk, {}).get(client)
        if part is None:
            raise RuleBroken("something was told of another's talk", f"{client} {event}")
        is_over = isinstance(event, api.TalkChanged) and event.standing is api.Standing.OVER
        if part.standing is api.Standing.OVER or (part.ended and not is_over):
            raise RuleBroken("something was told of a talk after its end", f"{client} {event}")
        if part.standing is None and not isinstance(event, api.TalkChanged | api.Matched):
            raise RuleBroken("something was told of a talk before it began", f"{client} {event}")
        rule = self._take(client, part, event)
        if rule:
            raise RuleBroken(rule, f"{client} {event}")
        super().told(client, event)

    def _take(self, client: str, part: Part, event: api.TalkEvent) -> str:
        """Take an event, and return the rule that it breaks; empty for none."""
        peer = self._peer(event.talk, client)
        is_true = True
        match event:
            case api.TalkChanged(kind=kind, standing=standing):
                return self._stands(client, part, kind, standing)
            case api.Greeted(language=language):
                is_true = language == part.greeting
            case api.PeerGreeted(language=language):
                is_true = language == peer.greeting
            case api.Said(text=text):
                is_true = text in part.texts
            case api.TextReceived(text=text):
                is_true = text in peer.texts
            case api.PeerTyping(typing=typing):
                is_true = peer.has_typed or not typing
            case api.Path(kind=kind):
                is_true = kind in part.paths
                self.moves += len(part.paths) > 1
            case api.PeerAway():
                is_true, part.away = not part.away, True
            case api.PeerBack():
                is_true, part.away = part.away, False
            case api.TalkEnded(reason=reason):
                self.ends[reason] += 1
                part.ended = True
                if not _is_reason(reason, part, peer):
                    return "a talk has ended that neither side ended"
        return "" if is_true else "something was told that is not of this talk"

    def _stands(self, client: str, part: Part, kind: api.TalkKind, stands: api.Standing) -> str:
        if kind is not part.kind or stands not in _NEXT[part.standing]:
            return "a talk stands where it cannot"
        part.standing = stands
        on = self.on(client)
        self.most = max(self.most, sum(one.standing is api.Standing.OPEN for one in on))
        strangers = sum(one.kind is api.TalkKind.STRANGER for one in on)
        return "there are two strangers" if strangers > 1 else ""

    # -- what must hold in the end --------------------------------------------------------

    def check_all_talk(self) -> None:
        """All was quiet: whoever was not left talks, and has everything."""
        for talk, parts in self.parts.items():
            on = [client for client, part in parts.items() if part.is_on and not part.has_left]
            if len(on) == 1:
                raise RuleBroken("a talk goes on alone", f"{talk} {on}")
            if not all(parts[client].standing is api.Standing.OPEN for client in on):
                raise RuleBroken("a talk is stuck", f"{talk} {on}")
            if on:
                self.check_stays(talk, on[0], on[1])

    def check_all_over(self, living: set[str]) -> None:
        """Everybody has left: each talk has ended once at each living client."""
        for talk, parts in self.parts.items():
            for client in living & parts.keys():
                if parts[client].is_on:
                    raise RuleBroken("a talk has no end", f"{talk} {client}")
        self.check_end()

    def _peer(self, talk: str, client: str) -> Part:
        return next(part for name, part in self.parts[talk].items() if name != client)


def _account_of(client: str) -> int:
    return int(client.partition(".")[0])


def _is_reason(reason: api.Ended, part: Part, peer: Part) -> bool:
    """Say whether a talk can have ended for this reason."""
    was_left = peer.has_left or peer.ended or not peer.is_on or peer.is_doubled
    match reason:
        case api.Ended.LOGGED_IN_ELSEWHERE:
            return part.is_doubled
        case api.Ended.YOU_HUNG_UP | api.Ended.LOGGED_OUT:
            return part.has_left
        case api.Ended.PEER_HUNG_UP:
            return was_left
        case api.Ended.PEER_LOST | api.Ended.SERVER_CLOSED:
            return was_left or part.is_doubled or part.away or part.standing is api.Standing.CONNECTING
        case _:
            return False
