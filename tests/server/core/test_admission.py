"""Who is let in, and who has to go, where there are too many."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.admission import Admission, Bounds, Caller, Stage

HOST = "203.0.113.7"
WIDE = {
    "in_all": 100_000,
    "of_network": 1_000,
    "half_open": 2_000,
    "half_open_of_network": 64,
    "unknown_of_network": 256,
}


class Named(Caller):
    """A connection with a name."""

    def __init__(self, host: str, name: str, *, local: bool = False) -> None:
        super().__init__(host, local=local)
        self.name = name


class Door:
    """An admission, and who came and went."""

    def __init__(self, *, local: bool = False, **bounds: int) -> None:
        self.admission: Admission[Named] = Admission(Bounds(**(WIDE | bounds)))
        self.callers: list[Named] = []
        self.gone: list[str] = []
        self._local = local

    def admit(self, host: str, name: str = "", *, stage: Stage = Stage.HALF_OPEN) -> Named | None:
        """Let one in, and bring it to a stage; None if it is not let in."""
        caller = Named(host, name or host, local=self._local)
        self.callers.append(caller)
        gone = self.admission.admit(caller)
        self.gone += [other.name for other in gone if other is not caller]
        if caller in gone:
            return None
        if stage is not Stage.HALF_OPEN:
            self.note(self.admission.settle(caller))
        if stage is Stage.KNOWN:
            self.note(self.admission.trust(caller))
        return caller

    def note(self, gone: list[Named]) -> None:
        self.gone += [caller.name for caller in gone]

    def count(self, stage: Stage) -> int:
        return sum(caller.stage is stage for caller in self.callers)


def test_a_network_that_is_full_of_known_accounts_takes_no_more() -> None:
    door = Door(of_network=2)
    kept = [door.admit(HOST, stage=Stage.KNOWN) for _ in range(2)]
    assert door.admit(HOST) is None
    assert door.callers[-1].stage is Stage.GONE
    assert door.admit("203.0.113.8")
    assert kept[0]
    door.admission.leave(kept[0])
    door.admission.leave(kept[0])
    assert door.admit(HOST)
    assert door.gone == []


def test_this_computer_is_one_source_like_others_unless_the_operator_trusts_it() -> None:
    for local in (True, False):
        door = Door(of_network=2, half_open_of_network=2, local=local)
        for _ in range(5):
            assert door.admit("127.0.0.1", stage=Stage.KNOWN) or not local
            assert door.admit("::1") or not local
        assert len(door.admission) == (10 if local else 4)


def test_two_thousand_silent_ones_of_two_networks_keep_no_other_out() -> None:
    door = Door()
    for number in range(2_000):
        assert door.admit(f"203.0.113.{number % 2}", "silent")
    for number in range(40):
        assert door.admit(f"198.51.{number}.7", "honest")
    assert set(door.gone) == {"silent"}
    assert door.count(Stage.HALF_OPEN) == 2 * 64 + 40


def test_one_slash_48_takes_no_place_from_any_other() -> None:
    door = Door()
    for number in range(5_000):
        assert door.admit(f"2001:db8:1:{number:x}::1", "silent")
    assert door.count(Stage.HALF_OPEN) == 256
    for number in range(100):
        assert door.admit(f"2001:db8:{number + 2:x}::1", "honest")
    assert set(door.gone) == {"silent"}


def test_many_sites_that_fill_all_places_lose_their_oldest() -> None:
    door = Door(half_open=100)
    for number in range(300):
        assert door.admit(f"10.0.{number % 50}.1", "silent")
    for number in range(40):
        assert door.admit(f"198.51.{number}.7", "honest")
    assert set(door.gone) == {"silent"}
    assert door.count(Stage.HALF_OPEN) == 100


def test_what_is_not_logged_in_has_half_of_all_places_and_a_share_of_each_network() -> None:
    door = Door(in_all=100, unknown_of_network=5)
    for number in range(200):
        assert door.admit(f"203.0.113.{number % 2}", "guest", stage=Stage.UNKNOWN)
    assert len(door.admission) == 10
    for number in range(200):
        assert door.admit(f"10.0.{number}.1", "guest", stage=Stage.UNKNOWN)
    assert len(door.admission) == 50
    for number in range(50):
        assert door.admit(f"198.51.{number}.7", "member", stage=Stage.KNOWN)
    assert door.admit("198.51.99.7", "member", stage=Stage.KNOWN)
    assert "member" not in door.gone


def test_a_server_full_of_known_accounts_takes_no_more() -> None:
    door = Door(in_all=1, local=True)
    first = door.admit(HOST, stage=Stage.KNOWN)
    assert first
    assert door.admit("127.0.0.1") is None
    door.admission.leave(first)
    assert len(door.admission) == 0


def test_in_a_full_server_the_oldest_that_is_not_known_makes_room() -> None:
    door = Door(in_all=3)
    for number in range(2):
        assert door.admit(f"198.51.{number}.7", "member", stage=Stage.KNOWN)
    assert door.admit(HOST, "guest")
    assert door.admit("203.0.113.8", "new")
    assert door.gone == ["guest"]


def test_a_connection_of_a_full_network_makes_room_there_first() -> None:
    door = Door(of_network=1)
    assert door.admit("198.51.0.7", "elsewhere")
    assert door.admit(HOST, "old")
    assert door.admit(HOST, "new")
    assert door.gone == ["old"]


def test_a_log_out_counts_a_connection_among_the_unknown_again() -> None:
    door = Door(unknown_of_network=1)
    callers = [door.admit(HOST, name, stage=Stage.KNOWN) for name in ("one", "two")]
    for caller in callers:
        assert caller
        door.note(door.admission.distrust(caller))
        door.note(door.admission.distrust(caller))
    assert door.gone == ["one"]
    assert [caller and caller.stage for caller in callers] == [Stage.GONE, Stage.UNKNOWN]
    assert callers[0]
    assert door.admission.trust(callers[0]) == door.admission.settle(callers[0]) == []
    assert len(door.admission) == 1


@pytest.mark.parametrize("bound", ["half_open", "half_open_of_network"])
def test_where_there_is_no_place_at_all_the_new_one_itself_has_to_go(bound: str) -> None:
    bounds: dict[str, Any] = {bound: 0}
    door = Door(**bounds)
    assert door.admit(HOST) is None
    assert (len(door.admission), door.gone) == (0, [])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "settle", "trust", "distrust", "leave"]),
        st.integers(0, 30),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.1.1", "127.0.0.1"]),
    ),
    max_size=60,
)


@given(STEPS)
def test_in_any_history_no_bound_is_exceeded_and_no_known_one_is_pushed_out(
    steps: list[tuple[str, int, str]],
) -> None:
    bounds: dict[str, Any] = {"in_all": 8, "of_network": 4, "half_open": 3}
    door = Door(local=True, half_open_of_network=2, unknown_of_network=2, **bounds)
    for step, number, host in steps:
        known = [caller for caller in door.callers if caller.stage is Stage.KNOWN]
        if step == "admit":
            door.admit(host)
        elif door.callers:
            caller = door.callers[number % len(door.callers)]
            known = [other for other in known if other is not caller]
            gone = getattr(door.admission, step)(caller)
            assert all(other.stage is Stage.GONE for other in gone or ())
        assert all(caller.stage is Stage.KNOWN for caller in known)
        here = [caller for caller in door.callers if caller.stage is not Stage.GONE]
        assert len(door.admission) == len(here) <= 8
        for stage, most in ((Stage.HALF_OPEN, 3), (Stage.UNKNOWN, 4)):
            assert door.count(stage) <= most
            for other in ("10.0.0.1", "10.0.0.2", "10.0.1.1"):
                network = Caller(other, local=False).network
                assert sum(one.stage is stage and one.network == network for one in here) <= 2
