"""Describe how two people were connected, in times and sentences: the receipt of a talk.

It is a fold over the events of the client. It contains no address, name or text of either person.
"""

from collections import deque
from typing import Final

import msgspec

from floater import api
from floater.core.meet.reachability import Line, class_of
from floater.core.meet.technique import Technique
from floater.wire.nat import Allocation, Filtering, Mapping, Nat

MAX_CHANGES: Final = 64
"Changes of the way that are kept, the newest; a peer can make as many as it likes."

_TRIED: Final = (api.RelayReason.UNDER_WAY, api.RelayReason.FAILED)


class Ways:
    """The ways of one talk, and what came when.

    Times are milliseconds from the press of 聊一聊, or from the beginning of a
    talk that needed no press; None for what has not been.

    Args:
        began: monotonic seconds of that moment.
    """

    def __init__(self, began: float) -> None:
        self.path: api.Path | None = None
        "The way in use, or the last one."
        self.away = False
        self.over = False
        self.matched: float | None = None
        self.stood: float | None = None
        self.proved: float | None = None
        self.greeted: float | None = None
        self.changes: deque[api.PathChange] = deque(maxlen=MAX_CHANGES)
        self._began = began
        self._greetings: set[type[api.Event]] = set()

    def feed(self, event: api.TalkEvent, *, now: float) -> None:
        """Note one event of the talk; `now` is monotonic seconds."""
        at = round((now - self._began) * 1_000, 1)
        if self.matched is None:
            self.matched = at
        match event:
            case api.TalkChanged(standing=api.Standing.OVER):
                self.over = True
            case api.Path(kind, _, _, how, receipt):
                self.changes.append(api.PathChange(at, kind, how))
                if self.path is None and receipt is not None:
                    self.stood = round(self.matched + receipt.stood_ms, 1)
                    self.proved = round(self.matched + receipt.proved_ms, 1)
                self.path, self.away = event, False
            case api.ReceiptChanged(receipt) if self.path is not None:
                self.path = msgspec.structs.replace(self.path, receipt=receipt)
            case api.PeerAway():
                self.changes.append(api.PathChange(at, None, ""))
                self.away = True
            case api.Greeted() | api.PeerGreeted():
                self._greetings.add(type(event))
                if len(self._greetings) == 2 and self.greeted is None:
                    self.greeted = at
            case _:
                pass


def lines_about(ways: Ways | None, *, hides: bool) -> list[Line]:
    """Say how the talk is connected, why so, and what would make it direct; then what came when.

    Args:
        ways: of the talk; None if there is no talk to tell of.
        hides: whether the person hides their address.
    """
    if ways is None or ways.matched is None:
        return [Line("receipt.none")]
    lines = [Line("receipt.over")] if ways.over else []
    if ways.path is None:
        lines.append(Line("receipt.no_way" if ways.over else "receipt.looking"))
    else:
        if ways.away and not ways.over:
            lines.append(Line("receipt.away"))
        lines += _way(ways.path, "was" if ways.over else "way")
        if ways.path.kind is api.PathKind.RELAY:
            lines += _relay(ways, hides=hides)
        if ways.path.kind is not api.PathKind.LAN and ways.path.receipt is not None:
            lines += _routers(ways.path.receipt)
    return [*lines, *_times(ways)]


def _way(path: api.Path, tense: str) -> list[Line]:
    lines = [Line(f"{tense}.{path.kind.value}")]
    lines.append(Line("found.lan" if path.kind is api.PathKind.LAN else f"found.{path.how}"))
    if path.rtt_ms is not None:
        lines.append(Line("receipt.rtt", {"ms": _short(path.rtt_ms)}))
    return lines


def _relay(ways: Ways, *, hides: bool) -> list[Line]:
    receipt = None if ways.path is None else ways.path.receipt
    if receipt is None or receipt.why_relay is None:
        return [Line("advice.direct")]
    why = receipt.why_relay
    if ways.over and why is api.RelayReason.UNDER_WAY:
        why = api.RelayReason.FAILED
    lines = [Line(f"why_relay.{why.value}")]
    if why in _TRIED:
        lines.append(Line(f"tried.{Technique(receipt.technique).value}", {"syns": receipt.syns}))
    if why is api.RelayReason.FAILED and not ways.over:
        lines.append(Line("receipt.again"))
    if why is not api.RelayReason.HIDDEN:
        return [*lines, Line("advice.direct")]
    return [*lines, Line("advice.hidden" if hides else "advice.both")]


def _routers(receipt: api.Receipt) -> list[Line]:
    lines: list[Line] = []
    if receipt.our_nat is not None:
        lines += class_of(_nat(receipt.our_nat))
    if receipt.peer_nat is not None:
        lines += class_of(_nat(receipt.peer_nat), "their_")
    return lines


def _nat(words: api.NatWords) -> Nat:
    return Nat(Mapping(words.mapping), Filtering(words.filtering), Allocation(words.allocation))


def _times(ways: Ways) -> list[Line]:
    assert ways.matched is not None
    lines = [Line("receipt.matched", {"seconds": _seconds(ways.matched)})]
    if ways.stood is not None and ways.proved is not None:
        lines.append(Line("receipt.stood", {"ms": _short(ways.stood - ways.matched)}))
        lines.append(Line("receipt.proved", {"ms": _short(ways.proved - ways.stood)}))
    moments: list[tuple[float, str]] = []
    if len(ways.changes) > 1:
        for change in ways.changes:
            kind = "away" if change.kind is None else change.kind.value
            moments.append((change.at_ms, f"change.{kind}"))
    if ways.greeted is not None:
        moments.append((ways.greeted, "receipt.greeted"))
    return [*lines, *(Line(key, {"seconds": _seconds(at)}) for at, key in sorted(moments))]


def _seconds(ms: float) -> str:
    return f"{ms / 1_000:.1f}" if ms >= 10_000 else f"{ms / 1_000:.2f}"


def _short(ms: float) -> str:
    return f"{ms:.0f}" if ms >= 10 else f"{ms:.1f}"
