"""Decide where a peer is looked for, by what plan, and what a way to it is called (spec §5.3, §6.2).

Values and a count, not a machine: nothing here waits.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from floater.bridge.api import PathKind, RelayReason
from floater.core import punch
from floater.core.candidates import Subnet, Surroundings, choose_candidates, is_attached
from floater.core.technique import Allowance, Plan, Technique, plan_for
from floater.wire.control import Role
from floater.wire.endpoint import Address, Candidate, CandidateKind, Endpoint, Scope, parse_address, scope_of
from floater.wire.nat import Mapping, Nat

MAX_BURSTS: Final = 2
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
        self._bursts = 0
        self._guesses = False

    def choose(self, candidates: Sequence[Candidate], around: Surroundings | None) -> bool:
        """Keep the candidates that may be dialled from where we are; return whether none was a lie.

        Nothing is dialled from nowhere: None.
        """
        self.candidates, self._places = tuple(candidates), {}
        if around is None:
            return True
        choice = choose_candidates(candidates, around)
        self._subnets = around.subnets
        self._places = {candidate.endpoint: candidate for candidate in choice.dial}
        return not choice.lies

    def hopes(self, ours: Nat, *, mapped: bool) -> bool:
        """Say whether punching deserves a head start before the relay.

        Args:
            ours: our NAT, as the peer was told of it.
            mapped: whether our router lets others in.
        """
        if not self._places:
            return False
        # A place in our own network, or one that a router lets in, needs no technique.
        is_easy = any(place.kind is not CandidateKind.PUBLIC for place in self._places.values())
        return is_easy or mapped or self._plan(ours).technique is not Technique.HOPELESS

    def guesses(self, ours: Nat) -> bool:
        """Say whether it takes waves of SYNs to cross both NATs."""
        return self._plan(ours).syns > 0

    def why_relay(self, ours: Nat, *, mapped: bool, is_punching: bool) -> RelayReason:
        """Say why a link leads over the relay although nobody hides."""
        if not self._places:
            return RelayReason.NO_PLACES
        if not self.hopes(ours, mapped=mapped):
            return RelayReason.UNPREDICTABLE
        return RelayReason.UNDER_WAY if is_punching else RelayReason.FAILED

    def begin(self, ours: Nat, *, now: float) -> punch.Go:
        """Plan a punch; there are waves in it as long as this match and the hour have some left."""
        plan = self._plan(ours)
        if plan.syns and not self._may_burst(plan, now):
            plan = replace(plan, holes=(), calls=())
        self.technique, self._guesses = plan.technique, plan.syns > 0
        return self.go(plan)

    def go(self, plan: Plan | None = None) -> punch.Go:
        """Say where to look for the peer."""
        lanes: tuple[list[Endpoint], list[Endpoint]] = [], []
        for place in self._places.values():
            lanes[place.lane].append(place.endpoint)
        return punch.Go(tuple(lanes[0]), tuple(lanes[1]), plan)

    def kinds(self) -> set[PathKind]:
        """Name the kinds of ways that are being looked for."""
        return {self.name(place)[0] for place in self._places}

    def name(self, remote: Endpoint) -> tuple[PathKind, str]:
        """Name the way to a remote end, and by what it was found."""
        address, scope = parse_address(remote.host), scope_of(remote.host)
        near = scope is Scope.LOOPBACK or (
            scope is Scope.PRIVATE
            and address is not None
            and is_attached(address, self._subnets)
            and self._is_own(address)
        )
        if near:  # no router stands between us, whatever was tried against one
            return PathKind.LAN, CandidateKind.PRIVATE.value
        return PathKind.DIRECT, self._how(remote)

    # -- inside ---------------------------------------------------------------------------

    def _plan(self, ours: Nat) -> Plan:
        """Plan by what observers saw of both: nobody else's word may send a burst anywhere."""
        return plan_for(ours, self.nat, self._role, (self._seen(0), self._seen(1)))

    def _seen(self, lane: int) -> Endpoint | None:
        """Tell where an observer saw the peer's punch port of a lane."""
        for place in self._places.values():
            if place.lane == lane and place.kind is CandidateKind.PUBLIC and ":" not in place.host:
                return place.endpoint
        return None

    def _may_burst(self, plan: Plan, now: float) -> bool:
        self._bursts += 1
        return self._bursts <= MAX_BURSTS and self._allowance.spend(plan.syns, now=now)

    def _is_own(self, address: Address) -> bool:
        """Whether an address is the peer's own, and not that of a router which the peer is behind."""
        return self.nat.mapping is Mapping.OPEN or any(
            place.kind is CandidateKind.PRIVATE and parse_address(place.host) == address
            for place in self.candidates
        )

    def _how(self, remote: Endpoint) -> str:
        """Name what found a remote end: the technique, where ports were guessed, or the kind of a place."""
        place, target = self._places.get(remote), self._seen(1) or self._seen(0)
        is_observed = place is None or place.kind is CandidateKind.PUBLIC
        if self._guesses and is_observed and target is not None and remote.host == target.host:
            return self.technique.value
        if place is not None and place.lane == 0:
            return place.kind.value
        return "incoming" if place is None else "opener"
