"""Many talks at once: one client, the hub, with a stranger and peers of other kinds, and all goes wrong.

A run is a short history of its own: some twenty seconds in which people talk,
hang up, log out and die and links come and go; then calm, in which everything
said has to arrive; then all leave, and nothing may be left.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from floater import api
from floater.core.person import search, standing
from floater.wire.greetings import GREETINGS
from tests.simulation.client import Client
from tests.simulation.links import Crossroads, Links
from tests.simulation.network import End, Host, Network
from tests.simulation.scheduler import RuleBroken, Scheduler
from tests.simulation.talks_ledger import Part, TalksLedger
from tests.simulation.talks_server import TalkServer

HUB: Final = 1
KINDS: Final = (api.TalkKind.LOBBY, api.TalkKind.NEARBY, api.TalkKind.CONTACT, api.TalkKind.GROUP)
LANGUAGES: Final = tuple(GREETINGS)


@dataclass
class Counts:
    """What happened, over all runs."""

    runs: int = 0
    talks: int = 0
    texts: int = 0
    moves: int = 0
    happenings: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    at_once: Counter[int] = field(default_factory=Counter)
    "Runs, by the highest number of talks in which both had greeted, at once in one client."

    def add(self, world: "Gathering") -> None:
        """Count a run."""
        self.runs += 1
        self.talks += len(world.talks.parts)
        self.texts += world.talks.texts
        self.moves += world.talks.moves
        self.happenings += world.happenings
        self.ends += Counter({reason.value: number for reason, number in world.talks.ends.items()})
        self.at_once[world.talks.most] += 1

    def __str__(self) -> str:
        return (
            f"{self.runs} runs: {self.talks} talks, {self.texts} texts, {self.moves} hand-overs\n"
            f"runs by talks at once: {dict(sorted(self.at_once.items()))}\n"
            f"went wrong: {dict(sorted(self.happenings.items()))}\nends: {dict(sorted(self.ends.items()))}"
        )


class _Crossroads(Crossroads):
    """Tells the ledger of every way that it brings."""

    def __init__(self, network: Network, server: Host, talks: TalksLedger) -> None:
        super().__init__(network, server)
        self._talks = talks

    def _join(self, one: Links, other: Links, *, relayed: bool = False) -> tuple[End, End]:
        kind = api.PathKind.RELAY if relayed else self.weather(one.match_id).punch
        assert kind is not None
        for links in (one, other):
            self._talks.found(links.match_id, links.host.name, kind)
        return super()._join(one, other, relayed=relayed)


class Gathering:
    """Everything, from one seed.

    Args:
        seed: decides all that happens.
        say: called with each line of the history.
    """

    def __init__(self, seed: int, *, say: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.scheduler = Scheduler(seed, say=say)
        self.network = Network(self.scheduler)
        self.talks = TalksLedger()
        self.server = TalkServer(self.network, self._matched)
        self.crossroads: Crossroads = _Crossroads(self.network, self.server.host, self.talks)
        self.happenings: Counter[str] = Counter()
        self._clients: dict[int, Client] = {}
        "The client at which each account's person sits now."
        self._everyone: list[Client] = []
        self._peers = range(2, 5 + self.scheduler.random.randrange(2))
        self._is_calm = self._is_quiet = False
        self._said = 0

    def live(self) -> None:
        """Let everything go wrong, then calm down, then leave, and check.

        Raises:
            RuleBroken: with the seed, and how to see it again.
        """
        try:
            self._live()
        except Exception as error:
            error.add_note(f"to see it again: python -m tests.simulation talks --seed {self.seed} --trace")
            error.add_note(
                "what happened last:\n" + "\n".join(self.scheduler.last_words().splitlines()[-60:])
            )
            raise

    def _live(self) -> None:
        scheduler = self.scheduler
        for account in (HUB, *self._peers):
            self._open(account)
        scheduler.after(2.0, self._go_wrong)
        for peer in self._peers[1:]:  # the first is met as a stranger
            scheduler.after(scheduler.between(1.5, 4.0), lambda peer=peer: self._introduce(HUB, peer))  # type: ignore[misc]
        for _ in range(4):
            scheduler.after(3.0 + 15.0 * scheduler.random.random(), self._introduce_any)
        scheduler.run_until(12.0 + 12.0 * scheduler.random.random())
        self._is_calm = self.crossroads.fair = True
        scheduler.run_until(scheduler.now + 40.0)
        self._is_quiet = True
        scheduler.run_until(scheduler.now + 15.0)
        self.talks.check_all_talk()
        for client in self._everyone:
            if client.alive:
                self._leave(client)
        scheduler.run_until(scheduler.now + 25.0)
        self._check_nothing_is_left()

    # -- people ---------------------------------------------------------------------------

    def _open(self, account: int, token: str = "") -> None:
        """Sit down at a client of one's own."""
        client = Client(self, f"{account}.{len(self._everyone)}", account)
        self._clients[account] = client
        self._everyone.append(client)
        client.start(token)
        self._act(client)

    def _act(self, client: Client) -> None:
        if not client.alive or self._clients[client.account] is not client or self._is_quiet:
            return
        most = 12.0 if self._is_calm else 2.5
        self.scheduler.after(self.scheduler.between(0.2, most), lambda: self._act(client))
        chance = self.scheduler.chance
        if client.state is api.State.SIGNED_OUT:
            if not client.busy:
                client.log_in()
        elif not self._is_calm and chance(0.004):
            self.happenings["log-outs"] += 1
            self.talks.leaves(client.name)
            client.wish(standing.LogOut())
        elif client.state is api.State.SEEKING and (self._is_calm or chance(0.04)):
            client.wish(search.CancelSeek())
        elif client.state is api.State.HOME and client.account <= self._peers[0] and not self._is_calm:
            if chance(0.8):
                client.wish(search.Seek())
        elif client.match_id and not self._is_calm and chance(0.04):
            client.wish(search.Seek())  # there is a stranger: it has to be refused
        elif on := self.talks.on(client.name):
            quiet = [part for part in on if part.greeting is None] if self._is_calm else []
            for part in quiet or [self.scheduler.random.choice(on)]:
                self._talk(client, part, on)

    def _talk(self, client: Client, part: Part, on: list[Part]) -> None:
        chance = self.scheduler.chance
        strangers = [one for one in on if one.kind is api.TalkKind.STRANGER]
        is_meant = strangers == [part] or on == [part]
        named = "" if is_meant and chance(0.5) else part.talk
        if not strangers and len(on) > 1 and chance(0.1) and client.wish(api.Typing(True)):
            raise RuleBroken("a wish was taken that names none of several talks", client.name)
        if not self._is_calm and chance(0.025):
            self.happenings["hang-ups"] += 1
            part.has_left = True
            is_stranger = part.kind is api.TalkKind.STRANGER
            if is_stranger and part.standing is api.Standing.CONNECTING and chance(0.5):
                client.wish(search.CancelSeek())
            else:
                client.wish(standing.HangUp(named))
        elif part.standing is api.Standing.CONNECTING:
            return
        elif part.greeting is None:
            if chance(0.2):
                self._text(client, part, named)  # too early: it has to be refused
            part.greeting = self.scheduler.random.choice(LANGUAGES)
            self._wish(client, part, api.Greet(part.greeting), named)
        elif chance(0.8):
            for _ in range(self.scheduler.random.choice((1, 1, 1, 3))):
                self._text(client, part, named)
        else:
            part.has_typed = True
            self._wish(client, part, api.Typing(chance(0.7)), named)

    def _text(self, client: Client, part: Part, named: str) -> None:
        self._said += 1
        text = f"{client.name} says {self._said} in {part.talk}"
        part.texts.add(text)
        self._wish(client, part, api.SendText(text), named)

    def _wish(
        self, client: Client, part: Part, wish: api.Greet | api.SendText | api.Typing, named: str
    ) -> None:
        is_due = isinstance(wish, api.Greet) or part.standing is api.Standing.OPEN
        if client.wish(wish, named) is not is_due:
            raise RuleBroken("a wish was refused or taken wrongly", f"{client.name} {part.talk} {wish}")

    def _leave(self, client: Client) -> None:
        """End all talks, by a log-out or one by one."""
        on = self.talks.on(client.name)
        if self.scheduler.chance(0.5):
            self.talks.leaves(client.name)
            client.wish(standing.LogOut())
            return
        for part in on:
            part.has_left = True
            client.wish(standing.HangUp(part.talk))

    # -- introductions --------------------------------------------------------------------

    def _matched(self, talk: str, clients: tuple[str, str]) -> None:
        self.talks.began(talk, api.TalkKind.STRANGER, clients)

    def _introduce_any(self) -> None:
        one, other = self.scheduler.random.sample((HUB, *self._peers), 2)
        self._introduce(one, other)

    def _introduce(self, one: int, other: int) -> None:
        """Introduce two to each other, in another way than by a search."""
        both = self._clients[one], self._clients[other]
        if not all(client.alive and client.engine.standing.username for client in both):
            if not self._is_calm:
                self.scheduler.after(1.0, lambda: self._introduce(one, other))
            return
        kind = self.scheduler.random.choice(KINDS)
        introductions = self.server.introduce(*both)
        talk = introductions[0].match_id
        self.talks.began(talk, kind, (both[0].name, both[1].name))

        def introduced(side: int) -> None:
            if not both[side].alive or talk not in self.server.matches:
                return
            if both[side].engine.standing.logged_in:
                both[side].introduce(introductions[side], kind)
            else:
                self.scheduler.after(0.5, lambda: introduced(side))

        for side in (0, 1):
            self.scheduler.after(self.scheduler.between(0.0, 0.5), lambda side=side: introduced(side))  # type: ignore[misc]

    # -- what goes wrong ------------------------------------------------------------------

    def _go_wrong(self) -> None:
        if self._is_calm:
            return
        scheduler, random = self.scheduler, self.scheduler.random
        scheduler.after(scheduler.between(0.1, 3.0), self._go_wrong)
        self.network.forget_dead()
        client = self._clients[random.choice((HUB, *self._peers))]
        what = random.choices(
            ("cuts", "silences", "unplugs", "moves", "turns", "deaths", "second computers"),
            (30, 8, 8, 14, 10, 4, 1),
        )[0]
        if not client.alive or not self.network.streams:
            return
        self.happenings[what] += 1
        scheduler.note(f"{what} {client.name}")
        match what:
            case "cuts":
                random.choice(self.network.streams).cut()
            case "silences":
                random.choice(self.network.streams).silent = True
            case "unplugs":
                client.host.unplug(scheduler.between(0.1, 15.0))
            case "moves":
                gone = scheduler.chance(0.6)
                for links in list(client.links.values()):
                    links.move(gone=gone)
            case "turns":
                for talk in client.links:
                    self.crossroads.turn(talk)
            case "deaths":
                client.die(silent=scheduler.chance(0.5))
                token = client.kept_token if scheduler.chance(0.8) else ""
                scheduler.after(scheduler.between(0.1, 8.0), lambda: self._open(client.account, token))
            case _:
                self.talks.doubled(client.account)
                self._open(client.account)

    # -- what must hold in the end --------------------------------------------------------

    def _check_nothing_is_left(self) -> None:
        living = [client for client in self._everyone if client.alive]
        self.talks.check_all_over({client.name for client in living})
        for client in living:
            engine = client.engine
            if client.links or engine._matches or engine.standing.encounters or engine.deadline is not None:
                raise RuleBroken("something is left of a talk", f"{client.name} {list(client.links)}")
        if self.crossroads._meetings:
            raise RuleBroken("something is left of a talk", f"{list(self.crossroads._meetings)}")


def run(seed: int, runs: int, *, say: Callable[[str], None] | None = None) -> Counts:
    """Live that many seeds, one after the other.

    Raises:
        RuleBroken: in the first that breaks a rule.
    """
    counts = Counts()
    for number in range(seed, seed + runs):
        world = Gathering(number, say=say)
        world.live()
        counts.add(world)
    return counts
