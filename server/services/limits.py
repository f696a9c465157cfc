"""Limit how often each step may be taken: by one source, for one account or address, and in all.

The counts are kept in memory, and a restart resets them. Requests from this
computer itself are not limited by source: they come from the operator, or from
a tunnel or balancer that serves many people, of whom one could lock out the
others. The other two limits hold for them too.
"""

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

from floater.codes import Code
from floater.errors import ServerRefused
from server.config import ServerConfig
from server.core.rates import Rate, Rates, parse_rates

STEPS: Final = ("sign_up", "resend", "forgot", "code", "log_in", "restore", "change")
_LONGEST: Final = 86_400.0


class Limits:
    """The limits of all steps. `STEPS` are also the first words of their knobs in `ServerConfig`."""

    def __init__(self, config: ServerConfig, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rates = Rates()
        self._monotonic = monotonic
        self._limits: dict[str, tuple[Rate | None, ...]] = {}
        for step in STEPS:
            rates = parse_rates(getattr(config, f"{step}_limit"))
            if len(rates) != 3:
                raise ValueError(f"{step}_limit needs three rates: source, account, all")
            self._limits[step] = rates

    def take(self, step: str, *, source: str = "", who: bytes = b"") -> None:
        """Count one step, or refuse it and count nothing.

        Args:
            step: one of `STEPS`.
            source: a numeric address; `""` or one of this computer is not limited by source.
            who: a digest of an e-mail address, or an account.

        Raises:
            ServerRefused: TOO_MANY_TRIES.
        """
        by_source, by_account, by_all = self._limits[step]
        name = step.encode("ascii")
        wanted: list[tuple[bytes, Rate]] = []
        network = network_of(source)
        if by_source is not None and network:
            wanted.append((name + b"|source|" + network, by_source))
        if by_account is not None and who:
            wanted.append((name + b"|who|" + who, by_account))
        if by_all is not None:
            wanted.append((name, by_all))
        wait = self._rates.take(wanted, now=self._monotonic())
        if wait > 0.0:
            raise ServerRefused(Code.TOO_MANY_TRIES, step, retry_after=min(wait, _LONGEST))


def network_of(address: str) -> bytes:
    """Return the key of a source: its IPv4 address or IPv6 /64; empty for this computer."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return b"?" if address else b""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped  # as a dual-stack socket writes an IPv4 address
    if parsed.is_loopback:
        return b""
    return parsed.packed if parsed.version == 4 else parsed.packed[:8]
