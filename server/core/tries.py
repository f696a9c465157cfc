"""Decide when the owner of an account is told that others try to get in.

few ──more failed tries than `rate` allows──▶ told ──its time──▶ few
"""

from server.core.rates import Rate, Rates


class Tries:
    """The failed tries at each account: wrong passwords and codes.

    Args:
        rate: how many are usual; None tells no owner of any.
    """

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._failed = Rates()
        self._told = Rates()

    def count(self, who: bytes, *, now: float) -> bool:
        """Count a failed try. Return True if the owner is to be told now: once in the time of the rate.

        Args:
            who: a digest of an e-mail address, whether it has an account or not.
            now: monotonic seconds.
        """
        if self._rate is None or self._failed.take([(who, self._rate)], now=now) == 0.0:
            return False
        return self._told.take([(who, self._once(self._rate))], now=now) == 0.0

    def not_told(self, who: bytes, *, now: float) -> None:
        """Note that the owner could not be told, so that the next failed try tells."""
        if self._rate is not None:
            self._told.charge(who, self._once(self._rate), now=now, times=-1)

    @staticmethod
    def _once(rate: Rate) -> Rate:
        return Rate(1, rate.seconds)
