"""Decide how many strangers may be led to guess ports of one address (spec §4.5, §6.2).

Where a client says that its NAT gives each destination another port, a peer that is told so sends
SYNs in waves to the address at which an observer saw that client. Others may have the same address:
it may be the exit of a VPN. So a few strangers are told of such a NAT; to the others it is unknown,
and they guess nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.nat import UNKNOWN_NAT, Mapping, Nat
from server.core.networks import network_of
from server.core.pool import UserId
from server.core.rates import Rate

MAX_TARGETS: Final = 100_000
"Addresses that are remembered; the one that was told least recently goes first."
_GUESSED: Final = frozenset({Mapping.ADDRESS_DEPENDENT, Mapping.PORT_DEPENDENT})


class Targets:
    """The addresses at which ports may be guessed, and who has been told so lately.

    Args:
        limit: how many accounts may be told of one address (IPv6: one /64), and in how many
            seconds; None for no limit.
        max_targets: addresses that are remembered.
    """

    def __init__(self, limit: Rate | None, max_targets: int = MAX_TARGETS) -> None:
        self._limit = limit
        self._max_targets = max_targets
        self._told: OrderedDict[bytes, OrderedDict[UserId, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._told)

    def known_nat(self, nat: Nat, candidates: Iterable[Candidate], user: UserId, *, now: float) -> Nat:
        """Return what an account may be told of its peer's NAT, and count the account.

        Args:
            nat: as the peer says.
            candidates: the peer's, as the account is told them.
            user: the account.
            now: monotonic seconds.

        Returns:
            `nat`, or UNKNOWN_NAT if too many other accounts were told of one of the addresses.
        """
        if self._limit is None or nat.mapping not in _GUESSED:
            return nat
        seen = {network_of(each.host) for each in candidates if each.kind is CandidateKind.PUBLIC}
        lately = [self._lately(target, now) for target in seen]
        if any(user not in told and len(told) >= self._limit.count for told in lately):
            return UNKNOWN_NAT
        for told in lately:
            told[user] = now
            told.move_to_end(user)
        return nat

    def _lately(self, target: bytes, now: float) -> OrderedDict[UserId, float]:
        """Return who was told of an address lately, and when, the earliest first."""
        assert self._limit is not None
        told = self._told.setdefault(target, OrderedDict())
        self._told.move_to_end(target)
        if len(self._told) > self._max_targets:
            self._told.popitem(last=False)
        while told and now - next(iter(told.values())) >= self._limit.seconds:
            told.popitem(last=False)
        return told
