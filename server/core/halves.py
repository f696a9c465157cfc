"""Count the relay streams that wait for their other side, and decide which of too many has to go."""

import math
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
        of_account = self._of_account if owner.account else math.inf
        of_network = math.inf if owner.is_exempt else self._of_network
        of_site = math.inf if owner.is_exempt else self._of_site
        for crowd, key, most in (
            (self._accounts, account, of_account),
            (self._networks, owner.network, of_network),
            (self._sites, owner.site, of_site),
        ):
            if crowd.count(key) > most and (oldest := crowd.oldest(key)) is not None:
                yield oldest
        if len(self._sites) > self._in_all and (oldest := self._sites.oldest_of_most()) is not None:
            yield oldest

    def remove(self, half: T, owner: Owner) -> None:
        """Let one wait no more. May be called again."""
        self._accounts.remove(b"%d" % owner.account, half)
        self._networks.remove(owner.network, half)
        self._sites.remove(owner.site, half)
