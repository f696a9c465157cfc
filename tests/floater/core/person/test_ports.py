from hypothesis import given
from hypothesis import strategies as st

from floater.core.person import ports
from floater.core.person.ports import (
    PAUSE,
    Announce,
    Close,
    Configured,
    Forget,
    Found,
    Give,
    Leave,
    LoggedIn,
    LoggedOut,
    NetworkChanged,
    NotWanted,
    Offline,
    Online,
    Ports,
    Prepare,
    Prepared,
    SearchAsks,
    SearchOver,
    Stale,
    TalkAsks,
    Wanted,
)
from floater.machine import Tick
from tests.helpers.playbook import Playbook

Script = Playbook[ports.Event, ports.Effect]


def nobody() -> Script:
    return Playbook(Ports())


def logged_in() -> Script:
    """The log-in is on, and the person is not at home."""
    return nobody().at(0, Online()).at(0, LoggedIn())


def at_home() -> Script:
    """A port is ready."""
    return logged_in().at(0, Wanted(), Prepare(1)).at(0.1, Prepared(1))


def pressed() -> Script:
    """The person has pressed, and the search has announced port 1."""
    return at_home().at(1, NotWanted()).at(1, SearchAsks(), Announce(1))


# -- a port ahead of time -----------------------------------------------------------------


def test_at_home_a_port_is_ready_before_the_press() -> None:
    script = at_home()
    assert isinstance(script.machine, Ports)
    assert script.machine.ready == 1
    script.at(1, NotWanted()).at(1, SearchAsks(), Announce(1)).rests()
    assert script.machine.ready is None


def test_it_is_prepared_as_soon_as_the_server_is_there_not_only_when_the_log_in_is_on() -> None:
    nobody().at(0, Wanted()).at(0, Online(), Prepare(1)).at(0.1, Prepared(1)).at(0.2, LoggedIn()).rests()


def test_a_press_that_comes_before_the_port_is_ready_waits_for_it() -> None:
    script = logged_in().at(0, Wanted(), Prepare(1)).at(0.1, NotWanted()).at(0.1, SearchAsks())
    script.at(0.2, Prepared(1), Announce(1)).rests()


def test_after_a_talk_the_next_port_is_prepared_at_once() -> None:
    pressed().at(2, Found("a"), Give("a", 1)).at(60, Wanted(), Prepare(2)).at(60.1, Prepared(2)).rests()


def test_what_becomes_stale_at_home_is_replaced() -> None:
    at_home().at(60, Stale(1), Close(1), Prepare(2)).at(60.1, Prepared(2)).at(61, Stale(1)).rests()


def test_what_becomes_stale_elsewhere_is_not() -> None:
    at_home().at(1, NotWanted()).at(60, Stale(1), Close(1)).at(61, SearchAsks(), Prepare(2))


def test_an_observer_that_hangs_up_at_once_is_not_asked_all_the_time() -> None:
    script = at_home().at(0.2, Stale(1), Close(1)).when_due(PAUSE, Prepare(2))
    script.at(PAUSE + 0.1, Stale(2)).at(PAUSE + 0.1, Prepared(2), Close(2)).wakes(2 * PAUSE)
    script.at(PAUSE + 1, NotWanted()).rests()
    script.at(PAUSE + 1, SearchAsks(), Prepare(3)).at(PAUSE + 1, Stale(3))
    script.at(PAUSE + 1, Prepared(3), Announce(3)).rests()


def test_a_computer_that_has_no_port_left_is_asked_again_after_a_while() -> None:
    logged_in().at(1, Wanted(), Prepare(1)).at(1, Prepared(1, ok=False)).when_due(1 + PAUSE, Prepare(2))


def test_a_press_does_not_wait_for_that() -> None:
    script = logged_in().at(1, Wanted(), Prepare(1)).at(1, Prepared(1, ok=False))
    script.at(2, NotWanted()).at(2, SearchAsks(), Prepare(2)).at(
        2, Prepared(2, ok=False), Announce(None)
    ).rests()


def test_without_a_log_in_there_is_no_port() -> None:
    at_home().at(1, LoggedOut(), Close(1)).at(2, LoggedOut()).rests()
    logged_in().at(0, Wanted(), Prepare(1)).at(0, LoggedOut(), Close(1)).at(0.1, Prepared(1)).rests()
    nobody().at(0, LoggedIn()).at(0, TalkAsks("a")).at(1, Online(), Prepare(1)).at(1, Prepared(1)).rests()


def test_the_end_closes_all() -> None:
    at_home().at(1, Leave(), Close(1)).at(2, Wanted()).at(2, NetworkChanged()).rests()
    pressed().at(1, Leave(), Close(1)).at(2, SearchOver(told=False)).rests()
    logged_in().at(0, Wanted(), Prepare(1)).at(0, Leave(), Close(1)).rests()


# -- a search -----------------------------------------------------------------------------


def test_a_search_that_told_only_the_server_leaves_its_port_to_the_next() -> None:
    script = pressed().at(2, Wanted()).at(2, SearchOver(told=False))
    script.at(3, NotWanted()).at(3, SearchAsks(), Announce(1)).at(4, Found("a"), Give("a", 1)).rests()


def test_a_port_that_a_peer_may_know_is_not_used_again() -> None:
    pressed().at(2, Wanted()).at(2, SearchOver(told=True), Close(1), Prepare(2))


def test_nor_is_one_that_became_stale_meanwhile() -> None:
    pressed().at(1.5, Stale(1)).at(2, Wanted()).at(2, SearchOver(told=False), Close(1), Prepare(2))


def test_nor_is_one_that_became_stale_before_another_was_prepared() -> None:
    script = pressed().at(1.5, Stale(1)).at(1.6, TalkAsks("a"), Prepare(2)).at(1.7, Prepared(2), Give("a", 2))
    script.at(2, SearchOver(told=False), Close(1)).rests()


def test_nor_one_beside_which_another_is_prepared() -> None:
    script = pressed().at(1.5, TalkAsks("a"), Prepare(2)).at(2, SearchOver(told=False), Close(1))
    script.at(2, Prepared(2), Give("a", 2)).rests()


def test_a_search_that_ends_before_it_has_a_port_leaves_it_to_the_next() -> None:
    script = logged_in().at(0, SearchAsks(), Prepare(1)).at(0.1, Wanted()).at(0.1, SearchOver(told=False))
    script.at(0.2, Prepared(1)).at(1, SearchAsks(), Announce(1)).rests()


def test_a_search_that_asks_again_gets_another_port() -> None:
    pressed().at(2, SearchAsks(), Close(1), Prepare(2)).at(2, Prepared(2), Announce(2)).rests()


def test_the_port_of_a_match_is_its_talk_s_even_if_it_became_stale() -> None:
    pressed().at(2, Stale(1)).at(2, Found("a"), Give("a", 1)).at(3, Stale(1)).rests()


def test_a_search_waits_until_the_log_in_is_on() -> None:
    nobody().at(0, Online()).at(0, SearchAsks()).at(1, LoggedIn(), Prepare(1)).at(1, Prepared(1), Announce(1))


def test_a_search_without_a_server_is_told_so() -> None:
    nobody().at(0, SearchAsks(), Announce(None)).at(0, Found("a"), Give("a", None)).rests()
    logged_in().at(0, SearchAsks(), Prepare(1)).at(0, Offline(), Close(1), Announce(None)).rests()


# -- what makes ports out of date ---------------------------------------------------------


def test_another_network_makes_all_ports_out_of_date() -> None:
    at_home().at(1, NetworkChanged(), Close(1), Prepare(2)).at(1.1, NetworkChanged(), Close(2), Prepare(3))


def test_the_port_of_a_search_that_goes_on_is_prepared_before_it_asks() -> None:
    script = pressed().at(2, NetworkChanged(), Close(1), Prepare(2)).at(2.1, Prepared(2))
    script.at(2.2, SearchOver(told=False)).at(2.2, SearchAsks(), Announce(2)).rests()
    pressed().at(2, NetworkChanged(), Close(1), Prepare(2)).at(2.1, Found("a"), Give("a", None))


def test_a_stream_to_the_server_has_observers_of_its_own() -> None:
    at_home().at(1, Offline(), Close(1)).at(2, Online(), Prepare(2)).at(2, Prepared(2)).at(
        3, LoggedIn()
    ).rests()
    pressed().at(2, Offline(), Close(1)).at(2, SearchOver(told=True)).at(3, Online()).rests()


def test_while_the_address_is_hidden_there_is_no_port() -> None:
    script = at_home().at(1, Configured(hides=True), Close(1)).at(2, SearchAsks(), Announce(None))
    script.at(3, TalkAsks("a"), Give("a", None)).at(4, SearchOver(told=False))
    script.at(5, Configured(hides=False), Prepare(2))


def test_a_changed_setting_makes_ports_out_of_date() -> None:
    at_home().at(1, Configured(hides=False), Close(1), Prepare(2))


# -- talks --------------------------------------------------------------------------------


def test_each_talk_gets_a_port_of_its_own_the_one_that_asked_first_before_the_others() -> None:
    script = logged_in().at(0, TalkAsks("a"), Prepare(1)).at(0, TalkAsks("b")).at(0, TalkAsks("c"))
    script.at(1, Prepared(1), Give("a", 1), Prepare(2)).at(2, Prepared(2), Give("b", 2), Prepare(3))
    script.at(3, Prepared(3), Give("c", 3)).rests()


def test_a_port_that_was_there_before_a_talk_asked_is_out_of_date() -> None:
    at_home().at(1, TalkAsks("a"), Close(1), Prepare(2)).at(2, Prepared(2), Give("a", 2), Prepare(3))


def test_a_talk_that_asks_again_gets_one_port_prepared_since() -> None:
    script = logged_in().at(0, TalkAsks("a"), Prepare(1)).at(1, TalkAsks("a"), Close(1), Prepare(2))
    script.at(2, Prepared(1)).at(2, Prepared(2), Give("a", 2)).rests()


def test_a_talk_that_is_over_gets_none() -> None:
    script = (
        logged_in()
        .at(0, TalkAsks("a"), Prepare(1))
        .at(0, TalkAsks("b"))
        .at(1, Forget("a"), Close(1), Prepare(2))
    )
    script.at(1, Forget("of no talk")).at(2, Prepared(2), Give("b", 2)).rests()


def test_talks_wait_until_the_log_in_is_on_while_their_port_is_prepared() -> None:
    script = nobody().at(0, TalkAsks("a")).at(1, Online(), Prepare(1)).at(2, Prepared(1)).at(2, Tick())
    script.at(3, LoggedIn(), Give("a", 1)).rests()


def test_a_port_that_becomes_stale_while_a_talk_waits_for_the_log_in_is_not_given_to_it() -> None:
    script = nobody().at(0, Online()).at(0, TalkAsks("a"), Prepare(1)).at(0.1, Prepared(1))
    script.at(60, Stale(1), Close(1), Prepare(2)).at(60.1, Prepared(2)).at(61, LoggedIn(), Give("a", 2))
    script.rests()


def test_a_talk_that_waits_is_served_after_a_stream_that_broke() -> None:
    script = (
        logged_in().at(0, TalkAsks("a"), Prepare(1)).at(1, Offline(), Close(1)).at(2, Online(), Prepare(2))
    )
    script.at(2, Prepared(2)).at(3, LoggedIn(), Give("a", 2)).rests()


def test_the_press_goes_before_talks() -> None:
    script = logged_in().at(0, SearchAsks(), Prepare(1)).at(0, TalkAsks("a"))
    script.at(1, Prepared(1), Announce(1), Prepare(2)).at(1, Prepared(2), Give("a", 2)).rests()


def test_a_talk_hears_that_there_is_no_port() -> None:
    script = logged_in().at(0, TalkAsks("a"), Prepare(1)).at(0, TalkAsks("b"))
    script.at(1, Prepared(1, ok=False), Give("a", None), Give("b", None)).rests()


def test_a_talk_that_the_server_does_not_know_yet_hears_it_later() -> None:
    script = nobody().at(0, Online()).at(0, TalkAsks("a"), Prepare(1)).at(0, Prepared(1, ok=False))
    script.when_due(PAUSE, Prepare(2)).at(PAUSE, Prepared(2, ok=False)).at(6, LoggedIn())
    script.when_due(2 * PAUSE, Prepare(3)).at(2 * PAUSE, Prepared(3, ok=False), Give("a", None)).rests()


# -- at random ----------------------------------------------------------------------------


TALKS = st.sampled_from("abc")
EVENTS = st.one_of(
    st.sampled_from(
        [
            Online(),
            Offline(),
            LoggedIn(),
            LoggedOut(),
            Wanted(),
            NotWanted(),
            NetworkChanged(),
            Configured(True),
            Configured(False),
            SearchAsks(),
            SearchOver(told=True),
            SearchOver(told=False),
        ]
    ),
    st.builds(Found, TALKS),
    st.builds(TalkAsks, TALKS),
    st.builds(Forget, TALKS),
)
STEPS = st.lists(
    st.tuples(EVENTS | st.sampled_from(["prepared", "failed", "stale", "wait"]), st.integers(0, 3))
)


class World:
    """Obeys the machine and sees that it keeps its promises."""

    def __init__(self) -> None:
        self.machine = Ports()
        self.now = 0.0
        self.last = 0
        self.preparing: list[int] = []
        self.open: list[int] = []
        "Ready or announced."
        self.outdated = 0
        "Ports up to this number are of before the last change of the network."
        self.search_waits = False
        self.waiting: dict[str, int] = {}
        "Talks, with the highest port when they asked."

    def feed(self, event: ports.Event) -> None:
        if isinstance(event, NetworkChanged | Offline | Configured):
            self.outdated = self.last
        if isinstance(event, TalkAsks):
            self.waiting[event.talk] = self.last
        if isinstance(event, Forget):
            self.waiting.pop(event.talk, None)
        if isinstance(event, SearchAsks | SearchOver | Found):
            self.search_waits = isinstance(event, SearchAsks)
        for effect in self.machine.feed(event, now=self.now):
            match effect:
                case Prepare(port):
                    assert port == self.last + 1
                    assert self.preparing == [], "one after the other"
                    self.last = port
                    self.preparing.append(port)
                case Announce(port):
                    assert self.search_waits, "a search is answered once"
                    self.search_waits = False
                    assert port is None or (port in self.open and port > self.outdated)
                case Give(talk, port):
                    if not isinstance(event, Found):
                        assert talk in self.waiting, "a talk is answered once"
                        since = self.waiting.pop(talk)
                        assert port is None or port > since
                    if port is not None:
                        assert port > self.outdated
                        self.open.remove(port)  # given once, and not closed before
                case Close(port):
                    (self.preparing if port in self.preparing else self.open).remove(port)
        assert len(self.open) <= 2, "one is announced and one is ready at most"

    def prepared(self, *, ok: bool) -> None:
        if self.preparing:
            port = self.preparing.pop()
            if ok:
                self.open.append(port)
            self.feed(Prepared(port, ok))

    def wait(self) -> None:
        if self.machine.deadline is not None:
            self.now = self.machine.deadline
            self.feed(Tick())


@given(STEPS)
def test_every_port_is_given_once_or_closed_and_every_one_who_asks_is_answered(
    steps: list[tuple[ports.Event | str, int]],
) -> None:
    world = World()
    for step, ticks in steps:
        world.now += ticks
        match step:
            case "prepared" | "failed":
                world.prepared(ok=step == "prepared")
            case "stale" if world.open or world.preparing:
                world.feed(Stale([*world.open, *world.preparing][-1]))
            case "wait":
                world.wait()
            case str():
                pass
            case _:
                world.feed(step)
    world.feed(Online())
    world.feed(LoggedIn())
    for _ in range(2 * len(world.waiting) + 4):
        world.wait()
        world.prepared(ok=True)
    assert not world.search_waits
    assert world.waiting == {}
    world.feed(Leave())
    assert world.open == world.preparing == []
