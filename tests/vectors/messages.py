"""One example of every message: what the golden bytes of `protocol_spec.md` say.

`python -m tests.vectors` writes the golden blocks of the specification anew from these. Bytes that change
there change the protocol: the version is raised, or nobody else can talk to us.
"""

from dataclasses import dataclass, field
from typing import Final

from floater.wire import control, relay, talk
from floater.wire.codec import Codec, Message, snake_case
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.frame import PEER_LEG, SERVER_LEG, FrameLimits
from floater.wire.message_id import author_of, make_message_id
from floater.wire.nat import Allocation, Filtering, Mapping, Nat, Stray
from floater.wire.stun import BindingRequest, BindingResponse, Probe, ProbeReport, StunMessage
from floater.wire.ticket import Ticket

CERTIFICATE: Final = bytes(range(64))
DIGEST: Final = bytes(range(32))
OTHER_DIGEST: Final = bytes(range(32, 64))
SIGNATURE: Final = bytes(64)
TICKET: Final = Ticket("m1", DIGEST, OTHER_DIGEST, 1_800_000_000.0, 1_800_086_400.0)
CANDIDATES: Final = (
    Candidate(CandidateKind.PUBLIC, "203.0.113.7", 40_000),
    Candidate(CandidateKind.PUBLIC, "203.0.113.7", 40_007, lane=1),
    Candidate(CandidateKind.PRIVATE, "192.168.1.5", 40_000),
)
NAT: Final = Nat(
    Mapping.PORT_DEPENDENT,
    Filtering.PORT_DEPENDENT,
    Allocation.SEQUENTIAL,
    Stray.DROPPED,
    (40_001, 40_003, 40_004),
)
OFFER: Final = make_message_id(author_of(CERTIFICATE), 3)
TRANSACTION: Final = bytes(range(12))


@dataclass(frozen=True)
class Leg:
    """One direction of one stream: its name in the specification, what it accepts, and examples of it all."""

    name: str
    codec: Codec[Message]
    limits: FrameLimits
    examples: tuple[tuple[Message, bytes], ...]
    further: dict[str, Message] = field(default_factory=dict)
    "Second examples of a type, without a body, by the name of their block."

    def named(self) -> dict[str, tuple[Message, bytes]]:
        """The examples by the name of their block."""
        first = {f"{self.name} {snake_case(type(m).__name__)}": (m, body) for m, body in self.examples}
        return first | {f"{self.name} {name}": (message, b"") for name, message in self.further.items()}


def _bare(*messages: Message) -> tuple[tuple[Message, bytes], ...]:
    return tuple((message, b"") for message in messages)


CLIENT: Final = Leg(
    "client",
    control.CLIENT_MESSAGES,  # type: ignore[arg-type]  # a codec of some messages is one of messages
    SERVER_LEG,
    _bare(
        control.Hello((1,), "floater/0.6.0", "zh-CN"),
        control.SignUp(1, "ann@example.org", "Ann", "correct horse", True, "zh-CN"),
        control.Activate(2, "ann@example.org", "123456"),
        control.ResendCode(3, "ann@example.org"),
        control.LogIn(4, "ann@example.org", "correct horse", "ZGV2aWNl"),
        control.Restore(5, "dG9rZW4", ("m1", "m2")),
        control.LogOut(6),
        control.ForgotPassword(7, "ann@example.org", "zh-CN"),
        control.ResetPassword(8, "ann@example.org", "K7QM3XBD", "battery staple"),
        control.SetUsername(9, "安"),
        control.ChangePassword(10, "correct horse", "battery staple"),
        control.Seek(
            11,
            CERTIFICATE,
            CANDIDATES,
            NAT,
            language="zh-CN",
            after="m0",
        ),
        control.CancelSeek(12),
        control.EndMatch(13, "m1", control.EndReason.HUNG_UP),
        control.UpdateCandidates(14, "m1", CANDIDATES[:1], NAT),
        control.Opened(15, "m1", 1),
        control.Ping(16),
    ),
)
SERVER: Final = Leg(
    "server",
    control.SERVER_MESSAGES,  # type: ignore[arg-type]  # a codec of some messages is one of messages
    SERVER_LEG,
    _bare(
        control.Welcome(1, 1_800_000_000.25, (":7444", "203.0.113.2:7445"), "k3", DIGEST, "floater/0.6.0"),
        control.Done(1, "mail_delayed"),
        control.LoggedIn(4, "Ann", "dG9rZW4", "ZGV2aWNl"),
        control.Refused("too_many_tries", 4, 30.0),
        control.Matched(
            "m1",
            control.Role.LEADER,
            control.Peer("Bob", "en"),
            CERTIFICATE,
            b"{}",
            SIGNATURE,
            b"t1",
            CANDIDATES,
            NAT,
            relay="203.0.113.2:7443",
        ),
        control.PeerCandidates("m1", CANDIDATES[:1], NAT),
        control.PeerOpened("m1", 1),
        control.MatchEnded("m1", control.EndReason.LEFT),
        control.Notice("bad_candidate"),
        control.Closing("server_closing", 2.5),
    ),
)
PEER: Final = Leg(
    "peer",
    talk.TALK_MESSAGES,  # type: ignore[arg-type]  # a codec of some messages is one of messages
    PEER_LEG,
    (
        *_bare(
            talk.PeerHello((1,), b"{}", SIGNATURE, 0),
            talk.Choose(1),
            talk.Ack(7),
            talk.LinkPing(3),
            talk.LinkPong(3),
            talk.Greet(1, 0, "en"),
        ),
        (talk.Text(2, 1), "你好吗?".encode()),
        (talk.Offer(3, 1, "moon.png", "image/png", 70_000, (1, 2)), bytes.fromhex("102030405060")),
        *_bare(
            talk.Accept(4, 3, OFFER),
            talk.Decline(5, 3, OFFER, "file_too_large"),
            talk.Pause(6, 3, OFFER),
            talk.Resume(7, 3, OFFER),
            talk.Cancel(8, 3, OFFER, "disk_full"),
            talk.Complete(9, 3, OFFER, DIGEST),
            talk.Stored(10, 3, OFFER),
            talk.HangUp(11, 3, "out_of_order"),
            talk.Refuse(12, 3, 2, "not_greeted"),
            talk.Get(OFFER, 0, 65_535),
        ),
        (talk.Part(OFFER, 0), b"\x89PNG"),
        *_bare(talk.Typing(True)),
    ),
    {
        "hang_up-version": talk.HangUp(1, 0, "unsupported_version"),
        "offer-digests": talk.Offer(
            3, 1, "a.bin", "application/octet-stream", 1_048_576, content_digests=("blake3", "sha256")
        ),
        "accept-blake3": talk.Accept(4, 3, OFFER, "blake3"),
        "complete-blake3": talk.Complete(9, 3, OFFER, blake3=DIGEST),
    },
)
RELAY_JOIN: Final = Leg(
    "relay-client",
    relay.JOIN_MESSAGES,  # type: ignore[arg-type]  # a codec of some messages is one of messages
    SERVER_LEG,
    _bare(relay.Join(b"t1")),
)
RELAY_ANSWER: Final = Leg(
    "relay-server",
    relay.RELAY_ANSWERS,  # type: ignore[arg-type]  # a codec of some messages is one of messages
    SERVER_LEG,
    _bare(relay.Joined(), control.Refused("relay_full")),
)
LEGS: Final = (CLIENT, SERVER, PEER, RELAY_JOIN, RELAY_ANSWER)

STUN: Final[dict[str, StunMessage]] = {
    "stun request": BindingRequest(TRANSACTION, "k3"),
    "stun response-v4": BindingResponse(TRANSACTION, Endpoint("203.0.113.7", 40_000)),
    "stun response-v6": BindingResponse(TRANSACTION, Endpoint("2001:db8::7", 40_000)),
    "stun probe-request": BindingRequest(TRANSACTION, "k3", Probe.OTHER_PORT | Probe.OTHER_ADDRESS),
    "stun probe-response": BindingResponse(TRANSACTION, Endpoint("203.0.113.7", 40_000), Probe.OTHER_PORT),
    "stun probe-report": ProbeReport(TRANSACTION, Probe.OTHER_PORT, Stray.RESET),
}
