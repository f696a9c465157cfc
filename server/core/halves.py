"""Count the relay streams that wait for their other side, and decide which of too many has to go."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.core.crowd import Crowd

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a stream is."""

    account: int
    "0: not known."
    network: bytes
    site: bytes
    is_exempt: bool = False
    "No limits by network or site hold for it."


class Halves(Generic[T]):
    """Those that wait.

    Args:
        in_all: how many may wait.
        of_network: how many of one network.
        of_site: how many of one site.
        of_account: how many of one account.
    """

    def __init__(self, *, in_all: int, of_network: int, of_site: int, of_account: int) -> None:
        self._in_all = in_all
        self._of_network = of_network
        self._of_site = of_site
        self._of_account = of_account
        self._accounts: Crowd[T] = Crowd()
        self._networks: Crowd[T] = Crowd()
        self._sites: Crowd[T] = Crowd()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._sites)

    def add(self, half: T, owner: Owner) -> Iterator[T]:
        """Let one more wait, and name one after the other those that have to go; the caller removes each."""
        account = b"%d" % owner.account
        self._accounts.add(account, half)
        self._networks.add(owner.network, half)
        self._sites.add(owner.site, half)
        if owner.account and self._accounts.count(account) > self._of_account:
            yield from _some(self._accounts.oldest(account))
        if not owner.is_exempt and self._networks.count(owner.network) > self._of_network:
            yield from _some(self._networks.oldest(owner.network))
        if not owner.is_exempt and self._sites.count(owner.site) > self._of_site:
            yield from _some(self._sites.oldest(owner.site))
        if len(self._sites) > self._in_all:
            yield from _some(self._sites.oldest_of_most())

    def remove(self, half: T, owner: Owner) -> None:
        """Let one wait no more. May be called again."""
        self._accounts.remove(b"%d" % owner.account, half)
        self._networks.remove(owner.network, half)
        self._sites.remove(owner.site, half)


def _some(half: T | None) -> Iterator[T]:
    if half is not None:
        yield half
