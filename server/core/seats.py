"""The seats of one node's accounts, and what those that wait bring to their search."""

from dataclasses import replace

from server.core.pool import UserId
from server.core.seat import Seat, SeatState
from server.core.side import Side


class Seats:
    """A seat for each account that is logged in here, or away from a match."""

    def __init__(self) -> None:
        self._seats: dict[UserId, Seat] = {}
        self._sides: dict[UserId, Side] = {}

    def __contains__(self, user: UserId) -> bool:
        return user in self._seats

    def __getitem__(self, user: UserId) -> Seat:
        return self._seats[user]

    def get(self, user: UserId) -> Seat | None:
        """Return the seat of an account; None if it has none."""
        return self._seats.get(user)

    def state(self, user: UserId) -> SeatState | None:
        """Return how an account's seat stands; None if it has none."""
        seat = self._seats.get(user)
        return None if seat is None else seat.state

    def match_of(self, user: UserId) -> str:
        """Return the match in which a seat is paired; empty if it is in none."""
        seat = self._seats.get(user)
        return seat.match_id if seat is not None and seat.state is SeatState.PAIRED else ""

    def sit(self, user: UserId) -> None:
        """Give an account a seat, unless it has one."""
        self._seats.setdefault(user, Seat())

    def remove(self, user: UserId) -> None:
        """Take the idle seat of an account away."""
        del self._seats[user]

    def wait(self, user: UserId, epoch: int, side: Side) -> None:
        """Let an account wait.

        Raises:
            LocalProtocolError: its seat is not idle, or the epoch is not new.
        """
        self._seats[user].wait(epoch)
        self._sides[user] = side

    def stand(self, user: UserId) -> None:
        """Let an account neither wait nor be in a match."""
        self._sides.pop(user, None)
        self._seats[user].stand()

    def side(self, user: UserId) -> Side:
        """Return what an account that waits brings."""
        return self._sides[user]

    def take_side(self, user: UserId) -> Side:
        """Return what an account brought that waits no more, and forget it."""
        return self._sides.pop(user)

    def rename(self, user: UserId, username: str) -> None:
        """Change the name under which an account that waits will be introduced."""
        if (side := self._sides.get(user)) is not None:
            self._sides[user] = replace(side, username=username)
