"""Decide when the owner of an account is told that others try to get in.

few ──more failed tries than `rate` allows──▶ told ──its time──▶ few
"""

from server.core.rates import Rate, Rates


class Tries:
    """The failed tries at each account: wrong passwords and codes, and requests beyond the limits.

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
        return self._told.take([(who, Rate(1, self._rate.seconds))], now=now) == 0.0
