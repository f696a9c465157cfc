"""Say what a person is told of the search for a way: events of the API, each only if it is news."""

from dataclasses import dataclass

from floater import api
from floater.core.emit import Emit
from floater.core.meet.puncher import Puncher
from floater.wire.endpoint import Address
from floater.wire.nat import Nat


@dataclass(slots=True)
class Way:
    """A stream that leads to the peer, or perhaps does. Seconds count from the beginning of the meeting."""

    kind: api.PathKind
    how: str
    stood: float
    "When the stream stood."
    proved: float = 0.0
    "When both sides had proved who they are."
    local: Address | None = None
    "Our own address on it, once both have."
    is_ready: bool = False
    "Whether both have."

    @property
    def is_at_relay(self) -> bool:
        """Whether the attempt is a stream over the relay whose other end is not authenticated yet."""
        return self.kind is api.PathKind.RELAY and not self.is_ready


class Progress:
    """The events about the ways of one meeting. All their milliseconds are computed here.

    Args:
        puncher: knows what is being tried directly.
        hides: whether one side hides its address. Then nothing is said of either's NAT.
    """

    def __init__(self, puncher: Puncher, *, hides: bool) -> None:
        self.syns = 0
        "Connections that we began so far."
        self.is_relayed = False
        "Whether the way that was chosen last leads over the relay."
        self._puncher = puncher
        self._hides = hides
        self._told: api.Trying | api.ReceiptChanged | None = None

    def chosen(self, way: Way, took: float, rtt: float | None) -> Emit:
        """Tell that the talk takes this way from now on. Seconds; `rtt` is None where it was not timed."""
        self.is_relayed = way.kind is api.PathKind.RELAY
        receipt = self._receipt(way)
        self._told = api.ReceiptChanged(receipt)
        rtt_ms = None if rtt is None else _milliseconds(rtt)
        return Emit(api.Path(way.kind, _milliseconds(took), rtt_ms, way.how, receipt))

    def trying(self, *, is_at_relay: bool) -> list[Emit]:
        """Tell what is being tried while there is no way, if that is news."""
        kinds = self._puncher.kinds | ({api.PathKind.RELAY} if is_at_relay else set())
        technique = self._puncher.where.technique.value
        return self._tell(api.Trying([kind for kind in api.PathKind if kind in kinds], technique))

    def changed(self, way: Way) -> list[Emit]:
        """Tell the receipt of the way in use if it leads over the relay and something is different now."""
        is_relayed = way.kind is api.PathKind.RELAY
        return self._tell(api.ReceiptChanged(self._receipt(way))) if is_relayed else []

    def _tell(self, event: api.Trying | api.ReceiptChanged) -> list[Emit]:
        if event == self._told:
            return []
        self._told = event
        return [Emit(event)]

    def _receipt(self, way: Way) -> api.Receipt:
        """Say how a way came about."""
        port, where = self._puncher.port, self._puncher.where
        why_relay = api.RelayReason.HIDDEN if self._hides else self._puncher.why_relay
        return api.Receipt(
            _milliseconds(way.stood),
            _milliseconds(way.proved),
            where.technique.value,
            self.syns,
            None if port is None else _words(port.nat),
            None if self._hides else _words(where.nat),
            why_relay if way.kind is api.PathKind.RELAY else None,
        )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1_000, 1)


def _words(nat: Nat) -> api.NatWords:
    return api.NatWords(nat.mapping, nat.filtering, nat.allocation, nat.stray)
