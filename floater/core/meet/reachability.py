"""What this network allows, in one word and in sentences; for `network` and `floater doctor`."""

from collections.abc import Mapping as Values
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from floater.core.meet.port_mapping import NOT_ASKED, MappingState, Outcome
from floater.wire.endpoint import Endpoint, Scope, scope_of
from floater.wire.nat import UNKNOWN_NAT, Allocation, Filtering, Mapping, Nat

CLOCK_WORTH_SAYING: Final = 5.0
"Seconds of difference between two clocks that a person should hear of."

_SYMMETRIC: Final = (Mapping.ADDRESS_DEPENDENT, Mapping.PORT_DEPENDENT)
_GUESSED: Final = (Allocation.SEQUENTIAL, Allocation.BLOCK, Allocation.RANDOM)
"Even where ports change from connection to connection, the puncher has a way (spec §6.2)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found out. Seconds are floats."""

    server_rtt: float | None
    "None: the server is not reached."
    nat: Nat = UNKNOWN_NAT
    public: Sequence[Endpoint] = ()
    private: Sequence[Endpoint] = ()
    observers_asked: int = 0
    observers_answered: int = 0
    hidden: bool = False
    clock_offset: float = 0.0
    router: MappingState = NOT_ASKED
    firewall: MappingState = NOT_ASKED
    "The same by IPv6: of a pinhole in the firewall."


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence: its key in the locales, and what goes into it."""

    key: str
    values: Values[str, object] = field(default_factory=dict)


def reachability_of(facts: Facts) -> str:
    """One of `open`, `punch`, `relay`, `offline`."""
    if facts.server_rtt is None:
        return "offline"
    if facts.hidden or not facts.public:
        return "relay"
    nat = facts.nat
    # Without a probe from outside, a computer without a NAT is taken to be without a firewall, too.
    lets_in = nat.filtering is Filtering.ENDPOINT_INDEPENDENT or (
        nat.mapping is Mapping.OPEN and nat.filtering is Filtering.UNKNOWN
    )
    # Who is seen by IPv4 meets many who have nothing else; a pinhole is nothing to them.
    by_ipv4 = any(":" not in seen.host for seen in facts.public)
    opened = any((":" in place.host) != by_ipv4 for place in mapped_of(facts))
    if opened or (lets_in and nat.mapping not in _SYMMETRIC):
        return "open"
    return "relay" if nat.mapping is Mapping.PORT_DEPENDENT and nat.allocation not in _GUESSED else "punch"


def mapped_of(facts: Facts) -> tuple[Endpoint, ...]:
    """Where the router lets others in; nowhere if the Internet sees another address of us than it names."""
    seen_hosts = {seen.host for seen in facts.public}
    asked = (facts.router.endpoint, facts.firewall.endpoint)
    return tuple(place for place in asked if place is not None and place.host in seen_hosts)


def lines_about(facts: Facts) -> list[Line]:
    """Say what was found, from the server outwards, and what it means last."""
    if facts.server_rtt is None:
        return [
            Line("doctor.server_unreached"),
            *(Line("doctor.private", {"endpoint": str(place)}) for place in facts.private),
            Line("reachability.offline"),
        ]
    lines = [Line("doctor.server_reached", {"ms": round(facts.server_rtt * 1_000)})]
    if abs(facts.clock_offset) >= CLOCK_WORTH_SAYING:
        lines.append(Line("doctor.clock", {"seconds": round(abs(facts.clock_offset))}))
    answered = {"answered": facts.observers_answered, "asked": facts.observers_asked}
    lines.append(Line("doctor.observers", answered))
    for place in facts.public:
        key = "doctor.public" if scope_of(place.host) is Scope.PUBLIC else "doctor.seen_here"
        lines.append(Line(key, {"endpoint": str(place)}))
    lines += [Line("doctor.private", {"endpoint": str(place)}) for place in facts.private]
    is_near = facts.nat.mapping is Mapping.OPEN and all(
        scope_of(place.host) is not Scope.PUBLIC for place in facts.public
    )
    if not is_near:
        lines += class_of(facts.nat)
    if facts.router.endpoint is not None and facts.router.endpoint not in mapped_of(facts):
        lines.append(Line(f"router.{Outcome.NESTED}"))
    elif facts.router.outcome is not Outcome.NOT_ASKED:
        lines.append(Line(f"router.{facts.router.outcome}", {"protocol": facts.router.protocol}))
    if facts.firewall.outcome is Outcome.REFUSED or facts.firewall.endpoint in mapped_of(facts):
        lines.append(Line(f"firewall.{facts.firewall.outcome}", {"protocol": facts.firewall.protocol}))
    if facts.hidden:
        lines.append(Line("doctor.hidden"))
    if is_near and reachability_of(facts) == "open":
        # The server stands in our own network, or on this computer: it has not seen us from the Internet.
        return [*lines, Line("doctor.open_here")]
    word = reachability_of(facts)
    if word == "punch":
        lines.append(Line(_whom(facts.nat)))
    if word != "open":
        lines.append(Line("advice.hidden" if facts.hidden else "advice.direct"))
    lines.append(Line(f"reachability.{word}"))
    return lines


def class_of(nat: Nat, whose: str = "") -> list[Line]:
    """Say what a NAT does: with addresses, with ports where these change, with who was not called.

    `whose` is `their_` for the peer's.
    """
    lines = [Line(f"{whose}nat.{nat.mapping.value}")]
    if nat.mapping in _SYMMETRIC and nat.allocation in _GUESSED:
        lines.append(Line(f"allocation.{nat.allocation.value}"))
    if nat.filtering is not Filtering.UNKNOWN:
        lines.append(Line(f"{whose}filtering.{nat.filtering.value}"))
    return lines


def _whom(nat: Nat) -> str:
    """Say with which other NATs a direct link is possible."""
    if nat.mapping not in _SYMMETRIC:
        return "whom.most"
    return "whom.guessed" if nat.allocation in (Allocation.SEQUENTIAL, Allocation.BLOCK) else "whom.steady"
