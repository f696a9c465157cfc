"""Who waits, and whom to propose: a hint, never a decision (the seats decide).

Everyone may meet everyone but those they are asked to avoid. Among those who
may meet, the choice is uniformly random; who stands in the front line
(because a match fell through without their fault) is chosen before the rest.
"""

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

UserId: TypeAlias = int
"An account's number."


class Hint(NamedTuple):
    """Somebody who waited when this was written down."""

    user: UserId
    epoch: int


class Line:
    """People in no order. Joining, leaving and choosing take constant time."""

    def __init__(self) -> None:
        self._hints: list[Hint] = []
        self._place: dict[UserId, int] = {}

    def __len__(self) -> int:
        return len(self._hints)

    def __contains__(self, user: UserId) -> bool:
        return user in self._place

    def add(self, hint: Hint) -> None:
        """Join."""
        self._place[hint.user] = len(self._hints)
        self._hints.append(hint)

    def remove(self, user: UserId) -> bool:
        """Leave; False if not here. The last one takes the free place."""
        place = self._place.pop(user, None)
        if place is None:
            return False
        last = self._hints.pop()
        if last.user != user:
            self._hints[place] = last
            self._place[last.user] = place
        return True

    def choose(self, pick: float, avoid: Collection[UserId]) -> tuple[Hint, float] | None:
        """Choose uniformly among all but `avoid`; None if nobody is left.

        Takes time in the size of `avoid`, not of the line: the places to
        avoid are skipped by counting, so one number in [0, 1) decides. What
        was not used up of that number comes back, again uniform in [0, 1).
        """
        skipped = sorted(self._place[user] for user in set(avoid) if user in self._place)
        free = len(self._hints) - len(skipped)
        if free <= 0:
            return None
        place = int(pick * free)
        rest = pick * free - place
        for place_to_skip in skipped:
            if place_to_skip <= place:
                place += 1
        return self._hints[place], rest


class Pool:
    """All who wait: the front line and the rest."""

    def __init__(self) -> None:
        self._front = Line()
        self._rest = Line()

    def __len__(self) -> int:
        return len(self._front) + len(self._rest)

    def __contains__(self, user: UserId) -> bool:
        return user in self._front or user in self._rest

    def add(self, hint: Hint, *, first: bool = False) -> None:
        """Write somebody down as waiting; `first` puts them into the front line."""
        (self._front if first else self._rest).add(hint)

    def remove(self, user: UserId) -> None:
        """Strike somebody out. May be said again."""
        if not self._front.remove(user):
            self._rest.remove(user)

    def propose(self, pick: float, avoid: Collection[UserId]) -> tuple[Hint, float] | None:
        """Propose somebody for one who may meet all but `avoid`, by a random number in [0, 1).

        Returns:
            The hint and what is left of the number; None if nobody may be met.
        """
        return self._front.choose(pick, avoid) or self._rest.choose(pick, avoid)
