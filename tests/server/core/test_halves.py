import pytest

from server.core.halves import Halves, Owner


class Play:
    """Halves of which the losers are removed, as the relay does."""

    def __init__(self, **limits: int) -> None:
        wide = {"in_all": 100, "of_network": 100, "of_site": 100, "of_account": 100}
        self.halves: Halves[int] = Halves(**(wide | limits))
        self.owners: dict[int, Owner] = {}

    def add(self, half: int, owner: Owner) -> list[int]:
        self.owners[half] = owner
        lost = []
        for loser in self.halves.add(half, owner):
            lost.append(loser)
            self.halves.remove(loser, self.owners[loser])
        return lost


@pytest.mark.parametrize("limit", ["in_all", "of_network", "of_site", "of_account"])
def test_of_too_many_the_oldest_has_to_go(limit: str) -> None:
    play = Play(**{limit: 2})
    owner = Owner(7, b"network", b"site")
    assert [play.add(half, owner) for half in range(4)] == [[], [], [0], [1]]
    assert len(play.halves) == 2
    play.halves.remove(3, owner)
    play.halves.remove(3, owner)
    assert play.add(4, owner) == []


def test_an_account_that_is_not_known_has_no_limit_and_this_computer_none_by_network() -> None:
    play = Play(of_account=1, of_network=1, of_site=1)
    owner = Owner(0, b"network", b"site", is_exempt=True)
    assert [play.add(half, owner) for half in range(3)] == [[], [], []]


def test_the_site_that_holds_most_gives_way_to_others() -> None:
    play = Play(in_all=4)
    for half in range(4):
        play.add(half, Owner(half + 1, b"%d" % half, b"one site"))
    assert play.add(4, Owner(9, b"other", b"other")) == [0]
