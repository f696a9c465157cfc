"""Decide how often the callers of one network, of one site, and all together may do one thing."""

from server.core.rates import Rate, Rates


class CallRates:
    """One thing that is limited by where its callers come from.

    Args:
        of_network: for one network; None for no limit.
        of_site: for one site.
        in_all: for all together.
    """

    def __init__(
        self, *, of_network: Rate | None = None, of_site: Rate | None = None, in_all: Rate | None = None
    ) -> None:
        self._of_network = of_network
        self._of_site = of_site
        self._in_all = in_all
        self._rates = Rates()

    def take(self, *, network: bytes, site: bytes, now: float) -> float:
        """Count one for a caller, or refuse it and count nothing.

        Args:
            network: as `core.networks.network_of` gives it.
            site: as `core.networks.site_of` gives it.
            now: monotonic seconds.

        Returns:
            0.0 if it may be done now, else the seconds after which to ask again.
        """
        keys = ((b"n" + network, self._of_network), (b"s" + site, self._of_site), (b"a", self._in_all))
        return self._rates.take([(key, rate) for key, rate in keys if rate is not None], now=now)
