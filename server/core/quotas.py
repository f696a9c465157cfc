"""Count matches by account and by network, and decide who has to wait before the next search.

A match tells two people where the other is, so one account that meets a whole crowd, one after the
other, collects their addresses. A match that the peer broke off before it became a talk is given back.
"""

from typing import Final

from floater.wire.control import EndReason
from server.core.events import Matched, MatchEnded, News
from server.core.networks import is_loopback, network_of
from server.core.pool import UserId
from server.core.rates import Rate, Rates

_BROKEN_OFF: Final = frozenset({EndReason.CANCELLED, EndReason.LEFT})
"How a match ends that one side broke off before it was a talk, and not because the other kept silent."


class Quotas:
    """How many matches each account and each network had lately.

    Args:
        by_account: how many an account may have; None for no limit.
        by_network: how many an IPv4 address or an IPv6 /64 may have.
        local: this computer is trusted, and its matches are not counted.
    """

    def __init__(self, by_account: Rate | None, by_network: Rate | None, *, local: bool = False) -> None:
        self._local = local
        self._by_account = by_account
        self._by_network = by_network
        self._rates = Rates()

    def wait(self, account: UserId, host: str, *, now: float) -> float:
        """Return 0.0 if an account may look for a match, else the seconds after which to ask again."""
        return self._rates.wait(self._keys(account, host), now=now)

    def hear(self, news: News, host: str, *, now: float) -> None:
        """Count a match, or give it back, by the news that an account at this address gets."""
        if isinstance(news, Matched):
            times = 1
        elif isinstance(news, MatchEnded) and news.reason in _BROKEN_OFF:
            times = -1
        else:
            return
        for key, rate in self._keys(news.user, host):
            self._rates.charge(key, rate, now=now, times=times)

    def _keys(self, account: UserId, host: str) -> list[tuple[bytes, Rate]]:
        if self._local and is_loopback(host):
            return []
        keys = (
            (b"account|%d" % account, self._by_account),
            (b"network|" + network_of(host), self._by_network),
        )
        return [(key, rate) for key, rate in keys if rate is not None]
