"""What this network allows, in one word and in sentences; for `network` and `floater doctor`."""

from collections.abc import Mapping as Values
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from floater.core.port_mapping import NOT_ASKED, Outcome, Standing
from floater.wire.endpoint import Endpoint, Scope, scope_of
from floater.wire.nat import Mapping

CLOCK_WORTH_SAYING: Final = 5.0
"Seconds of difference between two clocks that a person should hear of."

_PUNCHABLE: Final = (Mapping.ENDPOINT_INDEPENDENT, Mapping.ADDRESS_DEPENDENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found out. Seconds are floats."""

    server_rtt: float | None
    "None: the server is not reached."
    mapping: Mapping = Mapping.UNKNOWN
    public: Sequence[Endpoint] = ()
    private: Sequence[Endpoint] = ()
    observers_asked: int = 0
    observers_answered: int = 0
    hidden: bool = False
    clock_offset: float = 0.0
    router: Standing = NOT_ASKED


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
    if facts.mapping is Mapping.OPEN or mapped_of(facts):
        return "open"
    if facts.mapping in _PUNCHABLE or facts.mapping is Mapping.UNKNOWN:
        return "punch"
    return "relay"


def mapped_of(facts: Facts) -> tuple[Endpoint, ...]:
    """Where the router lets others in; nowhere if the Internet sees another address of us than it names."""
    endpoint = facts.router.endpoint
    return (
        (endpoint,) if endpoint is not None and endpoint.host in {seen.host for seen in facts.public} else ()
    )


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
    is_near = facts.mapping is Mapping.OPEN and all(
        scope_of(place.host) is not Scope.PUBLIC for place in facts.public
    )
    if not is_near:
        lines.append(Line(f"nat.{facts.mapping.value}"))
    if facts.router.outcome is Outcome.GRANTED and not mapped_of(facts):
        lines.append(Line(f"router.{Outcome.NESTED}"))
    elif facts.router.outcome is not Outcome.NOT_ASKED:
        lines.append(Line(f"router.{facts.router.outcome}", {"protocol": facts.router.protocol}))
    if facts.hidden:
        lines.append(Line("doctor.hidden"))
    if is_near and reachability_of(facts) == "open":
        # The server stands in our own network, or on this computer: it has not seen us from the Internet.
        return [*lines, Line("doctor.open_here")]
    lines.append(Line(f"reachability.{reachability_of(facts)}"))
    return lines
