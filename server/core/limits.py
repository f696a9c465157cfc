"""Decide how often each step may be taken: by one source, for one account or address, and in all.

The counts are kept in memory, and a restart resets them. A source is an IPv4 address
or an IPv6 /64. A site (IPv4 /24, IPv6 /48) may have four times as much, because one person
can have all networks of a /48. Once half of the limit in all is used up, the rest is for sites
that have used little lately: a site that goes on asking cannot keep the others out.

The limit of an account holds for all networks together at which it has not logged in, and for
each other network apart. So a stranger's wrong passwords do not keep an owner out at home. A device at
which the account has logged in before has a limit of its own, wherever it is.

Where the operator trusts this computer (`local`), its own requests are not limited by
source. The other limits hold for them too.
"""

from collections.abc import Mapping
from typing import Final

from server.core.crowd import Crowd
from server.core.networks import SITE_SHARE, is_loopback, network_of, site_of
from server.core.rates import Rate, Rates

STEPS: Final = ("sign_up", "resend", "forgot", "code", "link", "log_in", "restore", "change")
_LONGEST: Final = 86_400.0
MAX_KNOWN: Final = 100_000
"""Networks at which accounts have logged in that are remembered; the oldest of the account that has
most of them goes first."""
FAIR_SHARE: Final = 50
"Which part of a limit in all (one in so many) a site may use once half of that limit is used up."


class Limits:
    """The limits of all steps.

    Args:
        limits: for each of `STEPS` three rates: of one source, of one account, of all; None for no limit.
        local: this computer is trusted.

    Raises:
        ValueError: a step has another number of rates.
    """

    def __init__(self, limits: Mapping[str, tuple[Rate | None, ...]], *, local: bool = False) -> None:
        self._rates = Rates()
        self._local = local
        self._known: Crowd[tuple[bytes, bytes]] = Crowd()  # account and network
        self._limits = limits
        for step in STEPS:
            if len(limits[step]) != 3:
                raise ValueError(f"{step}_limit needs three rates: source, account, all")

    def remember(self, who: bytes, source: str) -> None:
        """Let an account have limits of its own at this network from now on: it has logged in there."""
        place = who, network_of(source)
        self._known.remove(who, place)
        self._known.add(who, place)
        if len(self._known) > MAX_KNOWN:
            oldest = self._known.oldest_of_most()
            assert oldest is not None
            self._known.remove(oldest[0], oldest)

    def knows(self, who: bytes, source: str) -> bool:
        """Return True if an account has logged in at this network, or the operator trusts this computer."""
        is_trusted = self._local and is_loopback(source)
        return is_trusted or self._known.holds(who, (who, network_of(source)))

    def take(
        self, step: str, *, now: float, source: str = "", who: bytes = b"", device: bytes = b""
    ) -> float:
        """Count one step, or refuse it and count nothing.

        Args:
            step: one of `STEPS`.
            now: monotonic seconds.
            source: a numeric address; `""` or one of this computer is not limited by source.
            who: a digest of an e-mail address, or an account.
            device: names one at which the account has logged in before; empty if there is none.

        Returns:
            0.0 if it may be taken, else the seconds after which to ask again, a day at most.
        """
        by_source, by_account, by_all = self._limits[step]
        name = step.encode("ascii")
        wanted: list[tuple[bytes, Rate]] = []
        is_counted = bool(source) and not (self._local and is_loopback(source))
        site = site_of(source) if is_counted else b""
        if by_source is not None and is_counted:
            wanted.append((name + b"|source|" + network_of(source), by_source))
            wanted.append((name + b"|site|" + site, Rate(by_source.count * SITE_SHARE, by_source.seconds)))
        if by_account is not None and device:
            wanted.append((name + b"|device|" + who + b"|" + device, by_account))
        elif by_account is not None and who:
            network = network_of(source)
            wanted.append((name + b"|here|" + who + b"|" + network, by_account))
            if not self._known.holds(who, (who, network)):
                wanted.append((name + b"|who|" + who, by_account))
        if by_all is not None:
            wanted.append((name, by_all))
            if site:
                fair = Rate(max(1, by_all.count // FAIR_SHARE), by_all.seconds)
                wanted.append((name + b"|fair|" + site, fair))
                if self._rates.used(name, now=now) < by_all.seconds / 2:
                    wanted.pop()
        return min(self._rates.take(wanted, now=now), _LONGEST)
