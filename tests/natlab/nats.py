"""The kinds of NAT, in one table: how each is to behave, and what makes it so.

A kind is a recipe and the `Behaviour` that `tests.natlab.classify` must find in
it by probing. Most recipes are rules of nftables; what netfilter cannot play,
the wire does (`Translated`). `KINDS` is the canonical set, `OTHERS` are more.

The words for mapping and filtering are those of RFC 4787 and RFC 5382.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from string import Template
from typing import ClassVar, Final


class Mapping(StrEnum):
    """What the public port of a local port depends on."""

    NONE = "none"  # nothing is translated
    ENDPOINT_INDEPENDENT = "endpoint independent"
    ADDRESS_DEPENDENT = "address dependent"
    PORT_DEPENDENT = "address and port dependent"


class Filtering(StrEnum):
    """Who may come in through a mapping (or, where there is none, to a host that has dialled out)."""

    NONE = "anybody"
    ADDRESS_DEPENDENT = "addresses dialled"
    PORT_DEPENDENT = "endpoints dialled"


class Allocation(StrEnum):
    """Which public port is taken."""

    PRESERVED = "the local one"
    FIXED = "another, but always the same"
    SEQUENTIAL = "the next"
    BLOCK = "one of a block"
    RANDOM = "any"


class Stray(StrEnum):
    """What a SYN gets that may not come in."""

    ACCEPTED = "comes in"
    DROPPED = "nothing"
    RESET = "RST"
    UNREACHABLE = "ICMP host unreachable"
    LATE = "ICMP port unreachable, after 6 s"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a NAT does, as far as TCP can tell from outside and inside."""

    mapping: Mapping = Mapping.ENDPOINT_INDEPENDENT
    filtering: Filtering = Filtering.PORT_DEPENDENT
    allocation: Allocation = Allocation.PRESERVED
    stray: Stray = Stray.DROPPED
    crossing: bool = True
    "Whether a SYN comes in from where we have sent one and got no answer: TCP's simultaneous open."
    poisoned: bool = False
    "Whether a stray SYN harms us when we dial where it came from: by another port, or in vain."
    egress: bool = True
    "Whether it lets out more than port 443."
    hairpin: bool = False
    "Whether two behind it reach each other's public endpoints."

    @property
    def keeps_ports(self) -> bool:
        """Whether a public port is always that of the one local port with its number."""
        mapping_and_port = self.mapping, self.allocation
        return mapping_and_port == (Mapping.ENDPOINT_INDEPENDENT, Allocation.PRESERVED)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rules of nftables. `$wan` stands for the public address; `wan` is the interface there."""

    post: str = ""
    "For the first packet of a connection that leaves by `wan`: how its source is changed."
    pre: str = ""
    "For the first packet of a connection that comes in by `wan`: how its target is changed."
    sets: str = ""
    forward: str = ""
    refuse: str = "drop"
    "What happens to new connections from `wan` to the router itself."
    is_routed: bool = False
    "Nothing is translated: the hosts behind it have public addresses."

    def ruleset(self, wan: str, first: str, *, hairpin: bool = False) -> str:
        """Write the rules down for a router with this public address and this first host behind it."""
        guard = f'iifname "wan" ct state new {self.refuse}' if self.refuse else ""
        frame = Template(_FRAME + (_HAIRPIN if hairpin else "")).substitute(
            sets=self.sets, pre=self.pre, post=self.post, forward=self.forward, guard=guard, wan="$wan"
        )
        return Template(frame).substitute(wan=wan, first=first)


# Loaded a second time, it begins anew: what is named, then deleted, need not have been there.
_FRAME: Final = """
table ip nat
delete table ip nat
table ip filter
delete table ip filter
table ip nat {
  $sets
  chain pre { type nat hook prerouting priority -100;
    $pre
  }
  chain post { type nat hook postrouting priority 100; oifname != "wan" return
    $post
  }
}
table ip filter {
  chain in { type filter hook input priority 0; $guard
  }
  chain forward { type filter hook forward priority 0;
    $forward
  }
}
"""


# Hosts behind the router dial its public address: to whom they mean, and from the public address as well (RFC
# 4787 REQ-9). The ports are those that the kind keeps.
_HAIRPIN: Final = """
table ip hairpin
delete table ip hairpin
table ip hairpin {
  map owner { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; }
  chain learn { type nat hook postrouting priority 99;
    iifname "lan" meta l4proto tcp update @owner { tcp sport timeout 300s : ip saddr . tcp sport }
    iifname "lan" oifname "lan" ct status dnat snat to $wan
  }
  chain turn { type nat hook prerouting priority -101;
    iifname "lan" ip daddr $wan meta l4proto tcp dnat ip to tcp dport map @owner
  }
}
"""


@dataclass(frozen=True, slots=True)
class Translated:
    """Played by the wire (`tests.natlab.translator`) as the kind's `Behaviour` says: what netfilter cannot.

    It can only be on the wire itself, not behind another router.
    """

    established: float = 7440.0
    "Seconds until an idle connection is forgotten; 2 h 4 min at least (RFC 5382 REQ-5)."
    transitory: float = 240.0
    "The same for one that is being opened or closed; 4 min at least."
    lifetime: float = 0.0
    "Seconds until a mapping is forgotten, idle or not, as some carriers do; 0 for never."
    sessions: int = 0
    "Connections that one host may have at a time; what is more, is dropped. 0 for no limit."
    is_routed: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of NAT."""

    code: str
    words: str
    group: str
    "Which row of the pair table it belongs to; see `can_be_direct`."
    recipe: Recipe | Translated
    behaviour: Behaviour = field(default_factory=Behaviour)


def _table(size: int, port: int, step: int = 1, modulus: int = 0) -> str:
    # numgen and jhash make numbers of the machine's byte order; a map makes ports of them
    places = ((step * at) % modulus if modulus else step * at for at in range(size))
    return "map { " + ", ".join(f"{at} : {port + place}" for at, place in enumerate(places)) + " }"


_MASQUERADE: Final = "masquerade"
_FULL_CONE_MAP: Final = "map fc { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; }"
_REMEMBER_PORT: Final = "update @fc { tcp sport timeout 300s : ip saddr . tcp sport }"
_REMEMBER_PEER: Final = "update @perm { ip daddr . tcp sport timeout 300s }"
_BARE_SYN: Final = "tcp flags & (syn|ack) == syn"
_SYMMETRIC: Final = Mapping.PORT_DEPENDENT

_ALL: Final = (
    Kind(
        "OPEN", "a public host, nothing in the way", "A",
        Recipe(refuse="", is_routed=True),
        Behaviour(Mapping.NONE, Filtering.NONE, stray=Stray.ACCEPTED),
    ),
    Kind(
        "FW", "a public host behind a stateful firewall", "E",
        Recipe(
            forward='iifname "wan" ct state established,related accept\n iifname "wan" drop',
            is_routed=True,
        ),
        Behaviour(Mapping.NONE),
    ),
    Kind(
        "FC", "full cone: anybody may come in by a port once it is mapped", "A",
        Recipe(
            sets=_FULL_CONE_MAP,
            pre='iifname "wan" meta l4proto tcp dnat ip to tcp dport map @fc',
            post=f"meta l4proto tcp {_REMEMBER_PORT}\n snat to $wan",
        ),
        Behaviour(filtering=Filtering.NONE, stray=Stray.ACCEPTED),
    ),
    Kind(
        "ADF", "restricted cone: whose address was dialled may come in", "R",
        Recipe(
            sets=_FULL_CONE_MAP + "\n set perm { type ipv4_addr . inet_service; flags dynamic,timeout; }",
            pre='iifname "wan" meta l4proto tcp ip saddr . tcp dport @perm dnat ip to tcp dport map @fc',
            post=f"meta l4proto tcp {_REMEMBER_PORT}\n meta l4proto tcp {_REMEMBER_PEER}\n snat to $wan",
        ),
        Behaviour(filtering=Filtering.ADDRESS_DEPENDENT),
    ),
    Kind("APDF", "port restricted cone, the usual home router", "E", Recipe(_MASQUERADE)),
    Kind(
        "APDF-NP", "port restricted cone that does not keep port numbers", "E",
        # not a hash: two ports with the same one would be one too many
        Recipe("meta l4proto tcp snat ip to $wan : tcp sport ^ 0x0a5a"),
        Behaviour(allocation=Allocation.FIXED),
    ),
    Kind(
        "RST", "port restricted cone that answers strays with RST", "E",
        Recipe(_MASQUERADE, refuse="reject with tcp reset"),
        Behaviour(stray=Stray.RESET),
    ),
    Kind(
        "ICMP", "port restricted cone that answers strays with ICMP", "E",
        Recipe(_MASQUERADE, refuse="reject with icmp type host-unreachable"),
        Behaviour(stray=Stray.UNREACHABLE),
    ),
    Kind(
        "POISON", "port restricted cone whose port moves when a stray SYN came first", "E",
        Recipe(
            sets="set bad { type ipv4_addr . inet_service . inet_service; flags dynamic,timeout; }",
            pre=f'iifname "wan" {_BARE_SYN} ct state new '
            "update @bad { ip saddr . tcp sport . tcp dport timeout 120s }",
            post="ip daddr . tcp dport . tcp sport @bad masquerade random\n masquerade",
        ),
        Behaviour(poisoned=True),
    ),
    Kind(
        "SYNBLOCK", "port restricted cone that lets no SYN in, not even from where one was sent", "S",
        Recipe(_MASQUERADE, forward=f'iifname "wan" {_BARE_SYN} drop'),
        Behaviour(crossing=False),
    ),
    Kind(
        "SYM-SEQ", "symmetric, ports in sequence", "Q",
        Recipe("meta l4proto tcp snat to $wan : numgen inc mod 16384 " + _table(16384, 40000)),
        Behaviour(_SYMMETRIC, allocation=Allocation.SEQUENTIAL),
    ),
    Kind(
        "SYM-BLOCK", "symmetric, a block of 512 ports, as carriers give to a subscriber", "B",
        Recipe("meta l4proto tcp masquerade to :40000-40511 fully-random"),
        Behaviour(_SYMMETRIC, allocation=Allocation.BLOCK),
    ),
    Kind(
        "SYM-RAND", "symmetric, any port", "N",
        Recipe("masquerade fully-random"),
        Behaviour(_SYMMETRIC, allocation=Allocation.RANDOM),
    ),
    Kind(
        "EGRESS", "port restricted cone that lets out nothing but port 443", "X",
        Recipe(_MASQUERADE, forward='oifname "wan" tcp dport != { 443 } drop'),
        Behaviour(egress=False),
    ),
)  # fmt: skip

KINDS: Final = {kind.code: kind for kind in _ALL}
"The canonical set, by code."

_OTHERS: Final = (
    Kind(
        "1:1", "a host of its own public address; also what a DMZ is, or an IGD's mapping of every port", "A",
        Recipe(pre='iifname "wan" dnat to $first', post="snat to $wan"),
        Behaviour(filtering=Filtering.NONE, stray=Stray.ACCEPTED),
    ),
    Kind(
        "ADM", "another port for every address, filtering by endpoint", "N",
        Translated(),
        Behaviour(Mapping.ADDRESS_DEPENDENT, allocation=Allocation.FIXED),
    ),
    Kind(
        "SYM-HASH", "symmetric, the same port again for the same pair of ends", "N",
        Translated(),
        Behaviour(_SYMMETRIC, allocation=Allocation.FIXED),
    ),
    Kind(
        "EIM-SEQ", "port restricted cone that hands out ports in sequence", "E",
        Translated(),
        Behaviour(allocation=Allocation.SEQUENTIAL),
    ),
    Kind(
        "RFC5382", "restricted cone that does what RFC 5382 demands: late answers, hairpinning", "R",
        Translated(),
        Behaviour(filtering=Filtering.ADDRESS_DEPENDENT, stray=Stray.LATE, hairpin=True),
    ),
)  # fmt: skip

OTHERS: Final = {kind.code: kind for kind in _OTHERS}
"Further kinds, by code."


def kind_of(code: str) -> Kind:
    """Look a kind up.

    Raises:
        KeyError: there is none of that code.
    """
    return KINDS[code] if code in KINDS else OTHERS[code]


_NEVER_DIRECT: Final = ("SS", "QN", "BN", "NN", "AX", "RX", "EX", "SX", "QX", "BX", "NX", "XX")


def can_be_direct(one: Kind, other: Kind) -> bool:
    """Say whether two of the canonical kinds can be joined over TCP without a relay, by any technique known.

    87 of the 105 unordered pairs can.
    """
    return one.group + other.group not in _NEVER_DIRECT and other.group + one.group not in _NEVER_DIRECT
