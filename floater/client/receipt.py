"""Put into words how a talk is connected."""

from floater import __version__, api
from floater.client.words import Words
from floater.core.meet.receipt import Ways, lines_about


def receipt_of(words: Words, talk: str, *, hides: bool) -> api.ReceiptReply:
    """Return the receipt of a talk that goes on, or of the last one.

    Args:
        words: keeps the events of the talk.
        talk: its id; empty for the stranger's talk, or the only one.
        hides: whether the person hides their address.

    Raises:
        Refused: WHICH_TALK.
    """
    known = words.memory.ways(talk)
    said = [words.say(line.key, **line.values) for line in lines_about(known, hides=hides)]
    ways = Ways(0.0) if known is None else known
    path = ways.path
    heading = "receipt.heading_over" if ways.over else "receipt.heading"
    return api.ReceiptReply(
        path=None if path is None else path.kind,
        how="" if path is None else path.how,
        rtt_ms=None if path is None else path.rtt_ms,
        over=ways.over,
        matched_ms=ways.matched,
        stood_ms=ways.stood,
        proved_ms=ways.proved,
        greeted_ms=ways.greeted,
        changes=list(ways.changes),
        receipt=None if path is None else path.receipt,
        words=said,
        text="\n".join([words.say(heading, version=__version__), "", *said, ""]),
    )
