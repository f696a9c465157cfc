"""Two talks whose links are cut, replaced, silenced and delayed at random."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater import api
from floater.core.talk.talk import AcceptTo, Wish
from floater.errors import Refused
from tests.helpers.pair import Pair, Side

DATA = bytes(range(256)) * 2_000

LINKS = st.sampled_from(["cut", "switch", "late switch", "stale switch", "replace", "silence"])
WISHES = st.sampled_from(["text", "text", "text", "file", "accept", "pause", "resume", "retry", "typing"])
STEP = st.tuples(
    st.sampled_from(["leader", "follower"]),
    WISHES | LINKS,
    st.sampled_from([0.0, 0.0, 0.001, 0.004, 0.011, 0.03, 0.2, 1.0]),
)


class Game:
    """Plays steps and remembers what has to come of them."""

    def __init__(self, latency: float, pace: float) -> None:
        self.pair = Pair(latency=latency, pace=pace)
        self.said: dict[Side, list[str]] = {side: [] for side in self.pair.sides}
        self.ids: dict[Side, list[str]] = {side: [] for side in self.pair.sides}
        self.files: dict[str, bytes] = {}
        self.hello = (0, 0)
        self.linked = True

    def begin(self, files: int) -> None:
        """Have so many files under way."""
        for number in range(files):
            self.play("leader" if number % 2 else "follower", "file", 0.0)
        self.pair.run(0.5)
        for side in self.pair.sides:
            self.about_files(side, "accept")

    def play(self, who: str, what: str, wait: float) -> None:
        """One thing happens, then some time passes."""
        side = self.pair.leader if who == "leader" else self.pair.follower
        match what:
            case "text":
                text = f"{who} {len(self.said[side])}"
                side.feed(api.SendText(text))
                self.said[side].append(text)
                self.ids[side].append(side.talk.last_id)
            case "file" if len(self.files) < 6:
                data = DATA[len(self.files) : 400_000 - 97_001 * (len(self.files) % 4)]
                self.files[side.offer(data)] = data
            case "retry" if self.ids[side]:
                side.feed(api.Retry(self.ids[side][-1]))
            case "typing":
                side.feed(api.Typing(True))
            case "cut":
                self.pair.cut()
                self.linked = False
            case "silence":
                self.pair.link.silent = True
            case "switch" | "late switch" | "stale switch" | "replace":
                self.link(what)
            case "accept" | "pause" | "resume":
                self.about_files(side, what)
        self.pair.run(wait)

    def link(self, how: str) -> None:
        """A new link, its hellos said just now or a good while ago, the old one cut or left."""
        received = (self.pair.leader.talk.received, self.pair.follower.talk.received)
        if how == "replace":
            self.pair.cut()
        stale = self.hello if how == "stale switch" else None
        self.pair.switch(lag=0.05 if how == "late switch" else 0.0, stale=stale)
        self.hello = received
        self.linked = True

    def about_files(self, side: Side, what: str) -> None:
        """A wish about every file that it can be about."""
        for transfer in self.files:
            wishes: dict[str, Wish] = {
                "accept": AcceptTo(transfer, "/downloads"),
                "pause": api.Pause(transfer),
                "resume": api.Resume(transfer),
            }
            try_to(side, wishes[what])

    def settle(self) -> None:
        """Give them a sound link and time, and let every file go on."""
        self.link("replace")
        for _ in range(3):
            self.pair.run(5.0)
            for side in self.pair.sides:
                for what in ("accept", "resume"):
                    self.about_files(side, what)
        self.pair.run(30.0)


def try_to(side: Side, wish: Wish) -> None:
    try:
        side.feed(wish)
    except Refused:
        pass


@pytest.mark.search
@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 4),
    st.lists(STEP, max_size=40),
    st.sampled_from([0.0, 0.001, 0.02, 0.1]),
    st.sampled_from([200e3, 2e6, 20e6]),
)
def test_nothing_is_lost_doubled_or_reordered(
    files: int, steps: list[tuple[str, str, float]], latency: float, pace: float
) -> None:
    game = Game(latency, pace)
    game.begin(files)
    for step in steps:
        game.play(*step)
    game.settle()
    leader, follower = game.pair.sides
    assert follower.texts == game.said[leader]
    assert leader.texts == game.said[follower]
    for side in game.pair.sides:
        assert [event.message_id for event in side.told(api.Delivered)] == game.ids[side]
        assert side.told(api.Failed) == []
        assert side.disk.sources == {}
        assert side.disk.parts == {}
    assert leader.disk.stored | follower.disk.stored == game.files
    sent = {event.transfer_id for side in game.pair.sides for event in side.told(api.Sent)}
    assert sent == set(game.files)


@pytest.mark.search
@settings(max_examples=100, deadline=None)
@given(
    st.lists(STEP, max_size=15),
    st.sampled_from([0.0, 0.005, 0.02, 3.0]),
    st.sampled_from(["leader", "follower", "both"]),
)
def test_whoever_hangs_up_both_end(steps: list[tuple[str, str, float]], apart: float, who: str) -> None:
    game = Game(0.01, 2e6)
    for step in steps:
        game.play(*step)
    game.link("replace")
    game.pair.run(1.0)
    first, second = game.pair.sides if who != "follower" else game.pair.sides[::-1]
    first.feed(api.HangUp())
    game.pair.run(apart)
    if who == "both" and not second.over:
        second.feed(api.HangUp())
    game.pair.run(5.0)
    assert [over.reason for over in first.over] == [api.Ended.YOU_HUNG_UP]
    assert len(second.over) == 1
    for side in game.pair.sides:
        assert side.talk.deadline is None
        assert side.disk.sources == {}
        assert side.disk.parts == {}
