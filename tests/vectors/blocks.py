"""The golden blocks of the specification: how they look, and what they have to be.

A block of a message has the header as JSON on one line, `body` and its hex if there is one, then the bytes of
the whole frame in hex, 32 on each line. The other kinds are documented by the functions that make them.
"""

import re
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from floater.wire import stun
from floater.wire.codec import Message, encode
from floater.wire.ticket import encode_ticket
from tests.vectors.messages import DIGEST, LEGS, STUN, TICKET

SPEC: Final = Path(__file__).parents[2] / "protocol_spec.md"
BLOCK: Final = re.compile(r"^```golden (\S+ \S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SIGNING_SEED: Final = DIGEST
"The Ed25519 private key of the ticket's example: the bytes 00 to 1f."


def read_blocks(text: str) -> dict[str, list[str]]:
    """Every golden block by its name, as lines."""
    found = BLOCK.findall(text)
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), "a block stands twice"
    return {name: lines.splitlines() for name, lines in found}


def golden_blocks() -> dict[str, list[str]]:
    """Every block that follows from the code."""
    blocks = {name: frame_block(m, body) for leg in LEGS for name, (m, body) in leg.named().items()}
    blocks |= {name: stun_block(message) for name, message in STUN.items()}
    blocks["ticket example"] = ticket_block()
    return blocks


def with_blocks(text: str, blocks: dict[str, list[str]]) -> str:
    """Put blocks into their places; blocks of other names stay."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return match[0] if name not in blocks else "\n".join([f"```golden {name}", *blocks[name], "```"])

    return BLOCK.sub(fill, text)


def frame_block(message: Message, body: bytes) -> list[str]:
    """Header, body, bytes."""
    lines = [msgspec.json.encode(message).decode()]
    if body:
        lines.append(f"body {body.hex()}")
    return lines + _hex(encode(message, body))


def stun_block(message: stun.StunMessage) -> list[str]:
    """The fields as JSON, bytes in hex; then the bytes."""
    fields = {"transaction": message.transaction.hex()}
    match message:
        case stun.BindingRequest(username=username):
            fields["username"] = username
        case stun.BindingResponse(mapped=mapped):
            fields["mapped"] = str(mapped)
        case stun.ProbeReport(fate=fate):
            fields["fate"] = fate.value
    if message.probe:
        fields["probe"] = f"{message.probe.value:08x}"
    return [msgspec.json.encode(fields).decode(), *_hex(stun.encode(message))]


def ticket_block() -> list[str]:
    """The signed bytes as text, the private key (seed), the public key, and the signature."""
    payload = encode_ticket(TICKET)
    key = Ed25519PrivateKey.from_private_bytes(SIGNING_SEED)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return [
        payload.decode(),
        f"seed {SIGNING_SEED.hex()}",
        f"ticket_key {public.hex()}",
        f"signature {key.sign(payload).hex()}",
    ]


def _hex(data: bytes) -> list[str]:
    return [data[at : at + 32].hex() for at in range(0, len(data), 32)]
