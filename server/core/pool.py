"""Choose one of the waiting accounts at random. A choice is a hint; the seats decide (spec §4.4).

Every account may meet every other, except those that the caller excludes.
Among those that remain, the choice is uniformly random; accounts in the front
line (their last match fell through without their fault) are chosen first.
"""

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

UserId: TypeAlias = int
"An account's number."
NodeId: TypeAlias = str
"Names one run of one server process. A process that restarts takes a new name."


class Hint(NamedTuple):
    """An account that waited when this was written down, and the node that holds its seat."""

    user: UserId
    epoch: int
    node: NodeId = ""


class Line:
    """An unordered set of hints. Joining, leaving and choosing take constant time."""

    def __init__(self) -> None:
        self._hints: list[Hint] = []
        self._place: dict[UserId, int] = {}

    def __len__(self) -> int:
        return len(self._hints)

    def __contains__(self, user: UserId) -> bool:
        return user in self._place

    def add(self, hint: Hint) -> None:
        """Add the hint of an account that is not in this line."""
        self._place[hint.user] = len(self._hints)
        self._hints.append(hint)

    def hint(self, user: UserId) -> Hint | None:
        """Return the hint of an account; None if it is not here."""
        place = self._place.get(user)
        return None if place is None else self._hints[place]

    def remove(self, user: UserId) -> bool:
        """Remove an account's hint; return False if it is not here. The last hint takes its place."""
        place = self._place.pop(user, None)
        if place is None:
            return False
        last = self._hints.pop()
        if last.user != user:
            self._hints[place] = last
            self._place[last.user] = place
        return True

    def choose(self, pick: float, avoid: Collection[UserId]) -> tuple[Hint, float] | None:
        """Choose uniformly among all accounts except `avoid`; return None if none is left.

        The time depends on the size of `avoid`, not of the line: the places to
        avoid are skipped by counting, so one number in [0, 1) decides. The
        fraction of that number which was not used is returned, again uniform in [0, 1).
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
    """All waiting accounts: the front line and the rest."""

    def __init__(self) -> None:
        self._front = Line()
        self._rest = Line()

    def __len__(self) -> int:
        return len(self._front) + len(self._rest)

    def __contains__(self, user: UserId) -> bool:
        return user in self._front or user in self._rest

    def add(self, hint: Hint, *, first: bool = False) -> None:
        """Add a hint; `first` puts it into the front line."""
        (self._front if first else self._rest).add(hint)

    def hint(self, user: UserId) -> Hint | None:
        """Return the hint of an account; None if there is none."""
        return self._front.hint(user) or self._rest.hint(user)

    def remove(self, user: UserId) -> None:
        """Remove an account's hint, if there is one."""
        if not self._front.remove(user):
            self._rest.remove(user)

    def propose(self, pick: float, avoid: Collection[UserId]) -> tuple[Hint, float] | None:
        """Propose a partner for an account that may meet all except `avoid`.

        Args:
            pick: random, uniform in [0, 1).
            avoid: accounts that must not be chosen.

        Returns:
            The hint and the unused fraction of `pick`; None if no account may be met.
        """
        return self._front.choose(pick, avoid) or self._rest.choose(pick, avoid)
