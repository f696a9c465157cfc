"""Decide which request of one connection is carried out next: one at a time, in their order (spec §4.1)."""

from typing import Final

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import Request

MAX_WAITING: Final = 64
"Requests that may wait behind one; then the connection is not read until it is done."


class Requests:
    """The requests of one connection that have no answer yet."""

    __slots__ = ("_under_way", "_waiting")

    def __init__(self) -> None:
        self._under_way = 0  # the id of the request that is being carried out, 0 for none
        self._waiting: list[Request] | None = None  # most connections never need a list

    @property
    def is_full(self) -> bool:
        """True if no more may be read."""
        return self._waiting is not None and len(self._waiting) >= MAX_WAITING

    def add(self, request: Request) -> bool:
        """Add a request; return True if it is to be carried out now, False if it waits.

        Raises:
            RemoteProtocolError: BAD_FIELD, its id is that of another request without an answer.
        """
        if not self._under_way:
            self._under_way = request.id
            return True
        waiting = self._waiting or []
        if request.id == self._under_way or any(request.id == other.id for other in waiting):
            raise RemoteProtocolError(Code.BAD_FIELD, "id in use")
        waiting.append(request)
        self._waiting = waiting
        return False

    def next(self) -> Request | None:
        """Take note that the one under way is done; return the one to carry out now, None if none waits."""
        request = self._waiting.pop(0) if self._waiting else None
        if not self._waiting:
            self._waiting = None
        self._under_way = 0 if request is None else request.id
        return request

    def clear(self) -> None:
        """Forget all that wait: no answer can be sent any more."""
        self._waiting = None
