"""A town of people with computers, a server, and bad weather."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from floater import api
from floater.core.person import search, standing
from server.core.node import Node
from tests.helpers.nodes import ongoing, waiting
from tests.simulation.client import Client
from tests.simulation.ledger import TalkLedger
from tests.simulation.links import Crossroads
from tests.simulation.network import Network
from tests.simulation.scheduler import RuleBroken, Scheduler
from tests.simulation.server import MakeNode, Server

PEOPLE: Final = 24
ALONE_LIMIT: Final = 120.0
"Seconds after which nobody may still be in a match in which nobody else is."
GHOST_LIMIT: Final = 100.0
"Seconds after which nobody may still believe to be seeking who is not waiting at the server."


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    pairings: int
    talks: int
    texts: int
    restarts: int
    deaths: int
    happened: int
    seconds: float
    history: str

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.pairings} pairings, {self.talks} sides of talks, {self.texts} texts, "
            f"{self.restarts} restarts, {self.deaths} deaths; history {self.history[:12]}"
        )


class Person:
    """Somebody with an account, who presses buttons at any moment and has more than one computer."""

    def __init__(self, world: "World", account: int) -> None:
        self.account = account
        self.clients: list[Client] = []
        self._world = world
        self._runs = 0
        self._said = 0

    def begin(self) -> None:
        """Start the program and go on living."""
        self.open()
        self._live()

    def open(self, token: str = "") -> Client:
        """Start the program on one more computer, or again after it died."""
        self._runs += 1
        client = Client(self._world, f"{self.account}.{self._runs}", self.account)
        self.clients.append(client)
        self._world.clients.append(client)
        client.start(token)
        return client

    def _live(self) -> None:
        scheduler = self._world.scheduler
        for client in list(self.clients):
            if client.alive:
                self._act(client)
        scheduler.after(scheduler.between(0.02, 3.0), self._live)

    def _act(self, client: Client) -> None:
        world, chance = self._world, self._world.scheduler.chance
        match client.state:
            case api.State.SIGNED_OUT:
                newest = client is self.clients[-1]
                if not client.busy and (newest or (chance(0.02) and not world.calm)) and not world.closing:
                    client.log_in()
            case api.State.HOME:
                if world.closing:
                    return
                if chance(0.01) and not world.calm:
                    client.wish(standing.LogOut())
                elif chance(0.9):
                    client.wish(search.Seek())
            case api.State.SEEKING:
                if world.closing or (chance(0.06) and not world.calm):
                    client.wish(search.CancelSeek())
            case _:
                self._in_match(client)

    def _in_match(self, client: Client) -> None:
        world, chance = self._world, self._world.scheduler.chance
        if not client.match_id:
            raise RuleBroken("a state without a match", f"{client.name} {client.state}")
        if world.closing or (chance(0.04) and not world.calm):
            if client.state is api.State.CONNECTING and chance(0.5):
                client.wish(search.CancelSeek())
            else:
                if chance(0.25):
                    self._both_hang_up(client)
                client.wish(standing.HangUp())
                if chance(0.3) and not world.closing:
                    client.wish(search.Seek())
            return
        if client.state is api.State.CONNECTING:
            return
        if not client.talk.greeted and chance(0.8):
            client.wish(api.Greet("zh"))
            if chance(0.3):
                self._text(client)  # early: it has to be refused
        elif chance(0.7) and not world.quiet:
            for _ in range(1 + int(world.scheduler.between(0.0, 4.0))):
                self._text(client)
        elif chance(0.1):
            client.wish(api.Typing(True))
        elif chance(0.1) and self._said:
            client.wish(api.Retry(client.talk.last_id))

    def _both_hang_up(self, client: Client) -> None:
        """Let the other one press the red button too, at the same instant or a moment later."""
        scheduler = self._world.scheduler
        for other in self._world.clients:
            if other is not client and other.match_id == client.match_id:
                delay = 0.0 if scheduler.chance(0.5) else scheduler.between(0.0, 0.3)
                scheduler.after(delay, lambda other=other: self._press(other, standing.HangUp()))  # type: ignore[misc]

    def _press(self, client: Client, wish: standing.HangUp) -> None:
        if client.alive:
            client.wish(wish)

    def _text(self, client: Client) -> None:
        self._said += 1
        client.wish(api.SendText(f"{self.account} says {self._said}"))


class World:
    """Everything, from one seed.

    Args:
        seed: decides all that happens.
        people: how many.
        make_node: makes the server's node, at its start and at each restart.
        peek: also compare the node's own state with the book; without it, only what comes out of it counts.
        say: called with each line of the history.
    """

    def __init__(
        self,
        seed: int,
        *,
        people: int = PEOPLE,
        make_node: MakeNode = Node,
        peek: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.seed = seed
        self.scheduler = Scheduler(seed, say=say)
        self.network = Network(self.scheduler)
        self.server = Server(self.network, make_node, peek=peek)
        self.crossroads = Crossroads(self.network, self.server.host)
        self.talks = TalkLedger()
        self.clients: list[Client] = []
        self.calm = False
        "Nobody leaves and nothing breaks any more."
        self.quiet = False
        "Nobody says anything any more."
        self.closing = False
        "Everybody goes home."
        self.deaths = 0
        self._people = [Person(self, number) for number in range(1, people + 1)]
        self._since: dict[tuple[Client, str], float] = {}

    @property
    def pairings(self) -> int:
        """How many pairs were made."""
        return self.server.pairings + self.server.ledger.pairings

    def live(self, pairings: int) -> Outcome:
        """Let everything go wrong until there were so many pairings, then calm down, and check.

        Raises:
            RuleBroken: with the seed, and how to see it again.
        """
        try:
            self._live(pairings)
        except Exception as error:
            error.add_note(f"at {self.scheduler.now:.6f} s, history {self.scheduler.history[:16]}")
            error.add_note(f"to see it again: python -m tests.simulation --seed {self.seed} --trace")
            error.add_note(
                "what happened last:\n" + "\n".join(self.scheduler.last_words().splitlines()[-60:])
            )
            raise
        return Outcome(
            self.seed,
            self.pairings,
            self.talks.talks,
            self.talks.texts,
            self.server.restarts,
            self.deaths,
            self.scheduler.happened,
            self.scheduler.now,
            self.scheduler.history,
        )

    def _live(self, pairings: int) -> None:
        for person in self._people:
            self.scheduler.after(self.scheduler.between(0.0, 3.0), person.begin)
        self.scheduler.after(1.0, self._go_wrong)
        self.scheduler.after(5.0, self._look_around)
        self.scheduler.run_until(1e6, enough=lambda: self.pairings >= pairings)
        self.calm = self.crossroads.fair = True
        self.scheduler.run_until(self.scheduler.now + 180.0)
        self.quiet = True
        self.scheduler.run_until(self.scheduler.now + 45.0)
        self._check_everybody_talks()
        self.closing = True
        self.scheduler.run_until(self.scheduler.now + 120.0)
        self._check_everybody_is_home()

    # -- what goes wrong ------------------------------------------------------------------

    def _go_wrong(self) -> None:
        if self.calm:
            return
        scheduler = self.scheduler
        scheduler.after(scheduler.between(0.05, 3.0), self._go_wrong)
        self.network.forget_dead()
        random = scheduler.random
        person = random.choice(self._people)
        client = person.clients[-1] if person.clients else None
        match random.choices(
            ("cut", "silence", "unplug", "move", "die", "second", "restart"), (40, 6, 10, 10, 10, 3, 1)
        )[0]:
            case "cut" if self.network.streams:
                random.choice(self.network.streams).cut()
            case "silence" if self.network.streams:
                random.choice(self.network.streams).silent = True
            case "unplug" if client is not None:
                seconds = scheduler.between(0.1, 60.0)
                scheduler.note(f"{client.name} is unplugged for {seconds:.1f} s")
                client.host.unplug(seconds)
            case "move" if client is not None and client.match_id:
                gone = scheduler.chance(0.7)
                scheduler.note(f"{client.name} moves{' away' if gone else ''}")
                if scheduler.chance(0.5):
                    self.crossroads.turn(client.match_id)
                client.links[client.match_id].move(gone=gone)
            case "die" if client is not None and client.alive:
                self._die(person, client)
            case "second" if client is not None:
                scheduler.note(f"{person.account} opens a second computer")
                person.open()
            case "restart" if scheduler.chance(0.5):
                self.server.restart(polite=scheduler.chance(0.5), down=scheduler.between(0.1, 30.0))

    def _die(self, person: Person, client: Client) -> None:
        self.deaths += 1
        client.die(silent=self.scheduler.chance(0.5))
        person.clients.remove(client)
        token = client.kept_token if self.scheduler.chance(0.8) else ""
        self.scheduler.after(self.scheduler.between(0.1, 20.0), lambda: person.open(token))

    # -- what must hold all the time ------------------------------------------------------

    def _look_around(self) -> None:
        """Look for people who are stuck, every few seconds."""
        self.scheduler.after(5.0, self._look_around)
        self.clients = [client for client in self.clients if client.alive]
        in_match: dict[str, int] = {}
        for client in self.clients:
            if client.match_id:
                in_match[client.match_id] = in_match.get(client.match_id, 0) + 1
        for client in self.clients:
            alone = bool(client.match_id) and in_match[client.match_id] < 2
            self._lasts(client, "is stuck in a match alone", alone, ALONE_LIMIT)
            waits = self.server.ledger.waiting
            ghost = client.state is api.State.SEEKING and client.account not in waits
            reachable = client.host.reachable and self.server.host.reachable
            self._lasts(client, "seeks and does not wait at the server", ghost and reachable, GHOST_LIMIT)

    def _lasts(self, client: Client, what: str, holds: bool, limit: float) -> None:
        if not holds:
            self._since.pop((client, what), None)
        elif self.scheduler.now - self._since.setdefault((client, what), self.scheduler.now) > limit:
            raise RuleBroken(what, f"{client.name} {client.state} {client.match_id}")

    # -- what must hold in the end --------------------------------------------------------

    def _check_everybody_talks(self) -> None:
        """Nothing went wrong for minutes: all talk, but for one if their number is odd."""
        clients = [client for client in self.clients if client.alive]
        states = {client.name: client.state for client in clients}
        left = [client for client in clients if client.state is api.State.SEEKING]
        if len(left) > len(self._people) % 2:
            raise RuleBroken("somebody was left waiting", f"{[client.name for client in left]}")
        pairs: dict[str, list[Client]] = {}
        for client in clients:
            if client.state is api.State.TALKING:
                pairs.setdefault(client.match_id, []).append(client)
        if 2 * len(pairs) + len(left) != len(self._people) or any(len(pair) != 2 for pair in pairs.values()):
            raise RuleBroken("somebody does not talk", f"{states}")
        for match_id, (one, other) in pairs.items():
            self.talks.check_stays(match_id, one.name, other.name)

    def _check_everybody_is_home(self) -> None:
        for client in self.clients:
            if client.alive and client.state not in (api.State.HOME, api.State.SIGNED_OUT):
                raise RuleBroken("somebody is stuck", f"{client.name} {client.state}")
            if client.links:
                raise RuleBroken("somebody did not let go", f"{client.name}")
        node = self.server.node
        if waiting(node) or ongoing(node):
            raise RuleBroken(
                "the node still holds somebody", f"{waiting(node)} wait, {ongoing(node)} matches"
            )
        self.talks.check_end()
