"""Open the TLS 1.3 streams of a capture with keys that programs logged (RFC 8446 §5, §7).

A test that shows that a text is *not* to be found in a capture shows with this
that it *is* found by who has the keys, in the same packets by the same search.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.natlab.packets import Packet
from tests.natlab.pcap import Flow, streams

Keys = dict[bytes, dict[str, bytes]]
"Secrets by their label, by the random number of the client."

KEYLOG: Final = Path(__file__).parent / "keylog"
_CLIENT: Final = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0")
_SERVER: Final = ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0")
_DATA: Final = 23


def keylog(path: Path) -> dict[str, str]:
    """Environment that makes a Python program log its keys to `path`."""
    return {"PYTHONPATH": str(KEYLOG), "SSLKEYLOGFILE": str(path)}


def read_keys(*paths: Path) -> Keys:
    """Read key logs."""
    keys: Keys = defaultdict(dict)
    for path in paths:
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                label, random, secret = line.split()
                keys[bytes.fromhex(random)][label] = bytes.fromhex(secret)
    return dict(keys)


def opened(packets: Iterable[Packet], keys: Keys) -> dict[Flow, bytes]:
    """Decrypt what can be decrypted: the data of each direction of each TLS stream.

    What comes before the first record, as on the raw relay, is left out.
    """
    whole = {flow: max(runs, key=len, default=b"") for flow, runs in streams(packets).items()}
    found: dict[Flow, bytes] = {}
    for flow, data in whole.items():
        start = data.find(b"\x16\x03\x01")
        back: Flow = (*flow[2:], *flow[:2])
        answer = whole.get(back, b"")
        answer_start = answer.find(b"\x16\x03\x03")
        if start < 0 or answer_start < 0 or data[start + 5 : start + 6] != b"\x01":
            continue
        secrets = keys.get(data[start + 11 : start + 43])
        if secrets is None or not {*_CLIENT, *_SERVER} <= secrets.keys():
            continue
        suite = _suite(answer[answer_start:])
        found[flow] = b"".join(_open(data[start:], [secrets[label] for label in _CLIENT], suite))
        found[back] = b"".join(_open(answer[answer_start:], [secrets[label] for label in _SERVER], suite))
    return found


def _suite(hello: bytes) -> int:
    """The cipher suite that a ServerHello chose."""
    at = 5 + 4 + 2 + 32
    return int.from_bytes(hello[at + 1 + hello[at] :][:2], "big")


def _open(data: bytes, secrets: list[bytes], suite: int) -> Iterator[bytes]:
    directions = [_Direction(secret, suite) for secret in secrets]
    at = 0
    while at + 5 <= len(data):
        kind, _, size = struct.unpack_from("!BHH", data, at)
        header, record = data[at : at + 5], data[at + 5 : at + 5 + size]
        at += 5 + size
        if kind != _DATA or len(record) < size:
            continue
        try:
            inner = directions[0].open(header, record)
        except InvalidTag:  # the handshake is over: from here on the other secret counts
            directions.pop(0)
            inner = directions[0].open(header, record)
        inner = inner.rstrip(b"\0")
        if inner[-1] == _DATA:
            yield inner[:-1]


class _Direction:
    """One secret's keys, and the number of the next record."""

    def __init__(self, secret: bytes, suite: int) -> None:
        algorithm = hashes.SHA384() if suite == 0x1302 else hashes.SHA256()

        def expand(label: bytes, size: int) -> bytes:
            label = b"tls13 " + label
            info = struct.pack("!HB", size, len(label)) + label + b"\0"
            return HKDFExpand(algorithm, size, info).derive(secret)

        self._iv = int.from_bytes(expand(b"iv", 12), "big")
        self._number = 0
        self._cipher: AESGCM | ChaCha20Poly1305
        if suite == 0x1303:
            self._cipher = ChaCha20Poly1305(expand(b"key", 32))
        else:
            self._cipher = AESGCM(expand(b"key", {0x1301: 16, 0x1302: 32}[suite]))

    def open(self, header: bytes, record: bytes) -> bytes:
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        plain = self._cipher.decrypt(nonce, record, header)
        self._number += 1
        return plain
