"""Decide where a peer is looked for, by what plan, and what a way to it is called (spec §5.3, §6.2).

Values and a count, not a machine: nothing here waits.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from floater.api import PathKind, RelayReason
from floater.core.meet import punch
from floater.core.meet.candidates import Subnet, Surroundings, choose_candidates, is_attached
from floater.core.meet.technique import Allowance, Plan, Technique, plan_for
from floater.wire.control import Role
from floater.wire.endpoint import Address, Candidate, CandidateKind, Endpoint, Scope, parse_address, scope_of
from floater.wire.limits import MAX_OPENINGS
from floater.wire.nat import Mapping, Nat

MAX_GUESSES: Final = 2
"Punches of one match that may have waves."


class Whereabouts:
    """What is known of where the peer of one match is.

    Args:
        role: our side.
        nat: the peer's, as it came with `matched`; it may come anew.
        allowance: for the waves of all matches.
    """

    def __init__(self, role: Role, nat: Nat, allowance: Allowance) -> None:
        self.nat = nat
        self.candidates: tuple[Candidate, ...] = ()
        "All that were named, whether they may be dialled or not."
        self.technique = Technique.CROSSING
        "Of the punch that was planned last."
        self._role = role
        self._allowance = allowance
        self._places: dict[Endpoint, Candidate] = {}
        self._subnets: tuple[Subnet, ...] = ()
        self._has_ipv6 = False
        self._punches = 0
        self._waved = 0
        self._has_waves = False

    def choose(self, candidates: Sequence[Candidate], around: Surroundings | None) -> bool:
        """Keep the candidates that may be dialled from where we are; return whether none was a lie.

        Nothing is dialled from nowhere: None.
        """
        self.candidates, self._places = tuple(candidates), {}
        if around is None:
            return True
        choice = choose_candidates(candidates, around)
        self._subnets = around.subnets
        self._has_ipv6 = any(
            address.version == 6 and scope_of(str(address)) is Scope.PUBLIC for address in around.addresses
        )
        self._places = {candidate.endpoint: candidate for candidate in choice.dial}
        return not choice.lies

    def hopes(self, ours: Nat, mapped: Sequence[Endpoint]) -> bool:
        """Say whether punching deserves a head start before the relay.

        Args:
            ours: our NAT, as the peer was told of it.
            mapped: where our router lets others in.
        """
        if not self._places:
            return False
        # An address in our own network, or one that a router lets in, needs no technique; an IPv6 address
        # helps only if we have IPv6.
        is_easy = any(
            place.kind is not CandidateKind.PUBLIC and (self._has_ipv6 or not _is_ipv6(place))
            for place in self._places.values()
        )
        is_open = {_is_ipv6(place) for place in mapped} & {_is_ipv6(place) for place in self._places}
        return is_easy or bool(is_open) or self._plan(ours).technique is not Technique.HOPELESS

    def guesses(self, ours: Nat) -> bool:
        """Say whether it takes waves of SYNs to cross both NATs."""
        return self._plan(ours).syns > 0

    def why_relay(self, ours: Nat, mapped: Sequence[Endpoint], *, is_punching: bool) -> RelayReason:
        """Say why a link leads over the relay although neither side hides."""
        if not self._places:
            return RelayReason.NO_PLACES
        if not self.hopes(ours, mapped):
            return RelayReason.UNPREDICTABLE
        return RelayReason.UNDER_WAY if is_punching else RelayReason.FAILED

    def begin(self, ours: Nat, *, now: float) -> punch.Go:
        """Plan a punch; there are waves in it as long as this match and the hour have some left."""
        self._punches += 1
        plan = self._plan(ours)
        if plan.syns and not self._may_guess(plan, now):
            plan = replace(plan, holes=(), calls=())
        self.technique, self._has_waves = plan.technique, plan.syns > 0
        return self.go(plan)

    @property
    def opening(self) -> int | None:
        """The number of this punch, to tell the peer that our NAT is open; None: it was told often enough."""
        return self._punches - 1 if self._punches <= MAX_OPENINGS else None

    def go(self, plan: Plan | None = None) -> punch.Go:
        """Say where to look for the peer."""
        lanes: tuple[list[Endpoint], list[Endpoint]] = [], []
        for place in self._places.values():
            lanes[place.lane].append(place.endpoint)
        return punch.Go(tuple(lanes[0]), tuple(lanes[1]), plan)

    def kinds(self) -> set[PathKind]:
        """Name the kinds of ways that are being looked for."""
        return {self._kind(place) for place in self._places}

    def name(self, remote: Endpoint, lane: int) -> tuple[PathKind, str]:
        """Name the way from our port of a lane to a remote end, and by what it was found."""
        kind = self._kind(remote)
        return kind, CandidateKind.PRIVATE.value if kind is PathKind.LAN else self._how(remote, lane)

    # -- inside ---------------------------------------------------------------------------

    def _kind(self, remote: Endpoint) -> PathKind:
        address, scope = parse_address(remote.host), scope_of(remote.host)
        near = scope is Scope.LOOPBACK or (
            scope is Scope.PRIVATE
            and address is not None
            and is_attached(address, self._subnets)
            and self._is_own(address)
        )
        # If so, no router stands between us, whatever was tried against one.
        return PathKind.LAN if near else PathKind.DIRECT

    def _plan(self, ours: Nat) -> Plan:
        """Plan by what observers saw of both sides: no other claim may cause a wave."""
        return plan_for(ours, self.nat, self._role, (self._seen(0), self._seen(1)))

    def _seen(self, lane: int) -> Endpoint | None:
        """Tell where an observer saw the peer's punch port of a lane."""
        for place in self._places.values():
            if place.lane == lane and place.kind is CandidateKind.PUBLIC and not _is_ipv6(place):
                return place.endpoint
        return None

    def _may_guess(self, plan: Plan, now: float) -> bool:
        self._waved += 1
        return self._waved <= MAX_GUESSES and self._allowance.spend(plan.syns, now=now)

    def _is_own(self, address: Address) -> bool:
        """Whether an address is the peer's own, and not that of a router which the peer is behind."""
        return self.nat.mapping is Mapping.OPEN or any(
            place.kind is CandidateKind.PRIVATE and parse_address(place.host) == address
            for place in self.candidates
        )

    def _how(self, remote: Endpoint, lane: int) -> str:
        """Name what found a way: the technique, where ports were guessed, or the kind of a place.

        Who opens and who calls name it alike: it is on lane 1 at one of its ends at least.
        """
        place, target = self._places.get(remote), self._seen(1) or self._seen(0)
        is_observed = place is None or place.kind is CandidateKind.PUBLIC
        if self._has_waves and is_observed and target is not None and remote.host == target.host:
            return self.technique.value
        if place is None:
            return "incoming"
        is_its_own = place.kind is not CandidateKind.PUBLIC or place.lane == lane == 0
        return place.kind.value if is_its_own else "opener"


def _is_ipv6(place: Candidate | Endpoint) -> bool:
    return ":" in place.host
