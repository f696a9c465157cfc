"""The list of everything that is fuzzed, with a few good inputs to begin from, and those that searches found.

The good inputs stand here or beside their targets; what a search found stands in `corpus/TARGET.txt`, which
`tests.fuzz.keep` writes.
"""

import base64
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from floater.wire import control, relay, stun, talk
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray
from tests.fuzz import engine, gateway, machines, meeting, parsers
from tests.fuzz.choose import seeds_of
from tests.helpers.proxy_headers import proxy_header

CORPUS: Final = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """Something that reads hostile bytes. `run` raises for a bug only."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes] = field(default=())


_CLIENT = seeds_of(control.ClientMessage.__args__)
_SERVER = seeds_of(control.ServerMessage.__args__)
_PEER = seeds_of(talk.TalkMessage.__args__)
_NAMES = (
    "漂", "con.txt", "..", "a\u200bb.png", "👩\u200d🚀", "\u202egnp.exe", "e\u0301\u0301\u0301", "A@例.cn",
    ".hidden", "x" * 300, "a/b\\c", "lpt1 .x",
)  # fmt: skip
_SERVICE = (
    b"<root><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>"
    b"<controlURL>/c</controlURL></service></root>"
)
_TICKET = b'{"match_id":"m1","leader":"%s=","follower":"%s=","issued":1,"expires":2}' % (b"A" * 43, b"A" * 43)

_WRITTEN: Final[dict[str, Target]] = {
    "client_messages": Target(parsers.client_messages, [b"\x10" + seed for seed in _CLIENT]),
    "server_messages": Target(parsers.server_messages, [b"\x10" + seed for seed in _SERVER]),
    "talk_messages": Target(parsers.talk_messages, [b"\x10" + seed for seed in _PEER]),
    "shaped_messages": Target(parsers.shaped_messages, [bytes([n]) * 40 for n in range(8)]),
    "relay_join": Target(parsers.relay_join, [relay.PREAMBLE + seed for seed in seeds_of((relay.Join,))]),
    "proxied": Target(
        parsers.proxied,
        [
            proxy_header(Endpoint("1.2.3.4", 5)) + b"\x16",
            proxy_header(Endpoint("2001:db8::1", 5), further=b"\x04\x00\x01x"),
        ],
    ),
    "stun_message": Target(
        parsers.stun_message,
        [
            stun.encode(stun.BindingRequest(b"t" * 12, "key")),
            stun.encode(stun.BindingResponse(b"t" * 12, Endpoint("1.2.3.4", 5))),
            stun.encode(stun.BindingResponse(b"t" * 12, Endpoint("2001:db8::1", 5), stun.Probe.OTHER_PORT)),
            stun.encode(stun.ProbeReport(b"t" * 12, stun.Probe.OTHER_ADDRESS, Stray.RESET)),
        ],
    ),
    "router_answers": Target(
        parsers.router_answers,
        [
            bytes.fromhex("008000000000000acb007107"),
            bytes.fromhex("008200000000000a9c419c4100000258"),
            bytes.fromhex("02810000000002580000000a") + bytes(48),
            b"HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1/d.xml\r\n\r\n",
            _SERVICE,
            b"<e><Fault><errorCode>725</errorCode></Fault></e>",
        ],
    ),
    "ticket": Target(parsers.ticket, [_TICKET, _TICKET.replace(b"m1", b"m\xe11"), b"[" * 2_000]),
    "url": Target(parsers.url, [b"floater://h:1#" + b"A" * 43, b"[::1]:7443", b"floater://example.org"]),
    "names": Target(parsers.names, [name.encode() for name in _NAMES]),
    "addresses": Target(
        parsers.addresses, [b"10.0.0.1", b"::ffff:127.0.0.1", b"2002:7f00:1::", b"64:ff9b::1"]
    ),
    "network_news": Target(
        parsers.network_news,
        [
            struct.pack("=IHHIIBBBBIHH4s", 32, 21, 0, 0, 0, 2, 24, 0, 0, 1, 8, 2, bytes((10, 0, 0, 1))),
            struct.pack("=IHHIIBxHiII", 32, 16, 0, 0, 0, 0, 1, 2, 0, 0),
            struct.pack("=IHHIIBxHiII", 32, 17, 0, 0, 0, 0, 1, 2, 0x41, 0),
        ],
    ),
    "talk_sequence": Target(machines.talk_sequence, machines.SEEDS["talk_sequence"]),
    "punch_sequence": Target(machines.punch_sequence, machines.SEEDS["punch_sequence"]),
    "path_sequence": Target(machines.path_sequence, machines.SEEDS["path_sequence"]),
    "network_sequence": Target(machines.network_sequence, machines.SEEDS["network_sequence"]),
    "meeting_sequence": Target(meeting.meeting_sequence, meeting.SEEDS),
    "standing_sequence": Target(machines.standing_sequence, machines.SEEDS["standing_sequence"]),
    "engine_sequence": Target(engine.engine_sequence, engine.SEEDS),
    "node_sequence": Target(machines.node_sequence, machines.SEEDS["node_sequence"]),
    "gateway_sequence": Target(gateway.gateway_sequence, [bytes([n, 3, n, 1, 5]) * 30 for n in range(8)]),
    "places": Target(machines.places),
    "sniffing": Target(machines.sniffing, [b"\x09image/png\x89PNG\r\n\x1a\n", b"\x0aimage/webpRIFF0000WEBP"]),
}


def written(name: str) -> Sequence[bytes]:
    """Return the seeds of a target that were written by hand."""
    return _WRITTEN[name].seeds


def found(name: str) -> list[bytes]:
    """Return the inputs of a target that searches have found."""
    path = CORPUS / f"{name}.txt"
    lines = path.read_text(encoding="ascii").split() if path.exists() else []
    return [base64.b64decode(line, validate=True) for line in lines]


TARGETS: Final[dict[str, Target]] = {
    name: replace(target, seeds=[*target.seeds, *found(name)]) for name, target in _WRITTEN.items()
}
