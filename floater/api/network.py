"""Commands and events about paths, NATs and receipts."""

from enum import StrEnum

import msgspec

from floater.api.base import Command, OfTalk, Reply, TalkEvent


class PathKind(StrEnum):
    """The kind of way a talk takes, best first."""

    LAN = "lan"
    DIRECT = "direct"
    RELAY = "relay"


class Network(Command, frozen=True):
    """Say what the network allows. Takes up to 5 s."""


class GetReceipt(OfTalk, frozen=True, tag="receipt"):
    """Say how the talk, or the last one, is connected, why so, and what would make it direct."""


class NetworkReply(Reply, frozen=True, omit_defaults=False):
    """What the network allows.

    `nat` (its mapping), `filtering`, `allocation` and `stray` are words of spec
    §4.5; `public` are the endpoints that observers saw,
    `mapped` those that the router opened;
    `reachability` is `open`, `punch`, `relay` or `offline`; `words` says it in
    plain sentences.
    """

    nat: str
    filtering: str
    allocation: str
    stray: str
    public: list[str]
    private: list[str]
    reachability: str
    words: list[str]
    server_ms: float | None
    mapped: list[str]


class NatWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a NAT, in the words of spec §4.5."""

    mapping: str
    filtering: str
    allocation: str
    stray: str


class RelayReason(StrEnum):
    """Why a way leads over the relay."""

    HIDDEN = "hidden"  # one of the two hides their address
    NO_PLACES = "no_places"  # neither side's place is known to the other
    UNPREDICTABLE = "unpredictable"  # there is no technique for these two NATs
    UNDER_WAY = "under_way"  # other ways are still being tried
    FAILED = "failed"  # they were tried in vain; they will be again


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a way came about, without an address. Times are milliseconds from `matched`."""

    stood_ms: float
    "TCP stood, or both were at the relay."
    proved_ms: float
    "Both had proved who they are."
    technique: str
    "What was tried beyond dialling what is known: spec §6.2."
    syns: int
    "Connections that we began."
    our_nat: NatWords | None = None
    peer_nat: NatWords | None = None
    why_relay: RelayReason | None = None
    "Of the relay, as things stood when this was told."


class Path(TalkEvent, frozen=True):
    """The way the talk now takes. `how` is what found it; `took_ms` counts from `matched`.

    `rtt_ms`: only the leader of a match can time it.

    `how`: `private`, `public` or `mapped` for a place that was dialled, `incoming` for no candidate
    (within one network always `private`), `opener`, `prediction`, `block_scan` or `birthday` for a technique,
    `relay` or `relay-tls`.
    """

    kind: PathKind
    took_ms: float
    rtt_ms: float | None
    how: str
    receipt: Receipt | None = None


class Trying(TalkEvent, frozen=True):
    """The kinds of path that are tried now, all at once, while no link is up; `technique` as in `Receipt`.

    There are no kinds for a moment if no attempt can begin yet.
    """

    kinds: list[PathKind]
    technique: str


class ReceiptChanged(TalkEvent, frozen=True, tag="receipt"):
    """What is known of the way in use, as in `path`, is another now: direct ways are being tried, or were."""

    receipt: Receipt


class PathChange(msgspec.Struct, frozen=True):
    """A way that was taken, or None while nothing came through. Milliseconds from the press of 聊一聊."""

    at_ms: float
    kind: PathKind | None
    how: str


class ReceiptReply(Reply, frozen=True, omit_defaults=False):
    """How the talk is connected, without an address, a name or a word of it.

    The times count from the press of 聊一聊; None for what has not been:
    `matched`, then `stood` and `proved` of the first way (as in `Receipt`),
    and `greeted` by both. `receipt` is of the way that is, or was at the end.
    `changes` are the newest 64. `words` say all of it in plain sentences, and
    `text` is these under a heading.
    """

    path: PathKind | None
    how: str
    rtt_ms: float | None
    over: bool
    matched_ms: float | None
    stood_ms: float | None
    proved_ms: float | None
    greeted_ms: float | None
    changes: list[PathChange]
    receipt: Receipt | None
    words: list[str]
    text: str
