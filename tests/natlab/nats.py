"""The kinds of NAT, in one table: how each is to behave, and the nftables rules that make it so.

A kind is a `Recipe` and the `Behaviour` that `tests.natlab.classify` must find
in it by probing. `KINDS` is the canonical set; a kind that netfilter cannot
play goes into the same table with a recipe of another sort.

The words for mapping and filtering are those of RFC 4787 and RFC 5382.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from string import Template
from typing import Final


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
    FIXED = "another, the same for every flow"
    SEQUENTIAL = "the next"
    BLOCK = "one of a block"
    RANDOM = "any"


class Stray(StrEnum):
    """What a SYN gets that may not come in."""

    ACCEPTED = "comes in"
    DROPPED = "nothing"
    RESET = "RST"
    UNREACHABLE = "ICMP host unreachable"


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
    "Whether a stray SYN makes it take another port when we dial where that SYN came from."
    egress: bool = True
    "Whether it lets out more than port 443."


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

    def ruleset(self, wan: str) -> str:
        """Write the rules down for a router with this public address."""
        guard = f'iifname "wan" ct state new {self.refuse}' if self.refuse else ""
        return Template(_FRAME).substitute(
            sets=_fill(self.sets, wan),
            pre=_fill(self.pre, wan),
            post=_fill(self.post, wan),
            forward=_fill(self.forward, wan),
            guard=guard,
        )


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


def _fill(rules: str, wan: str) -> str:
    return Template(rules).substitute(wan=wan)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of NAT."""

    code: str
    words: str
    group: str
    "Which row of the pair table it belongs to; see `can_be_direct`."
    recipe: Recipe
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
        Recipe("meta l4proto tcp snat to $wan : numgen inc mod 1024 " + _table(1024, 40000)),
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

_NEVER_DIRECT: Final = ("SS", "QN", "BN", "NN", "AX", "RX", "EX", "SX", "QX", "BX", "NX", "XX")


def can_be_direct(one: Kind, other: Kind) -> bool:
    """Say whether two of the canonical kinds can be joined over TCP without a relay, by any technique known.

    87 of the 105 unordered pairs can.
    """
    return one.group + other.group not in _NEVER_DIRECT and other.group + one.group not in _NEVER_DIRECT
