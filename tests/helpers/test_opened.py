import ssl
from pathlib import Path

import pytest

from floater.crypto.certificate import load_certified_key, make_certified_key
from tests.helpers.opened import opened, read_keys
from tests.natlab.packets import ACK, SYN, TCP, Packet

CLIENT, SERVER = ("5.1.0.1", 1000), ("5.2.0.1", 443)


@pytest.mark.parametrize("before", [b"", b"floater-relay/1\n some frame \x01"])
def test_a_captured_stream_opens_with_its_keys_and_with_no_others(tmp_path: Path, before: bytes) -> None:
    packets = conversation(tmp_path / "right.keys", before)
    assert opened(packets, read_keys(tmp_path / "right.keys")) == {
        (*CLIENT, *SERVER): b"how are you?" + b"x" * 40_000,
        (*SERVER, *CLIENT): b"well",
    }
    conversation(tmp_path / "wrong.keys", before)
    assert opened(packets, read_keys(tmp_path / "wrong.keys")) == {}


def conversation(keys: Path, before: bytes) -> list[Packet]:
    """Speak TLS in memory and lay it out as packets."""
    into_client, into_server, out_of_client, out_of_server = (ssl.MemoryBIO() for _ in range(4))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.keylog_filename = str(keys)
    client = context.wrap_bio(into_client, out_of_client)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certified_key(context, make_certified_key())
    server = context.wrap_bio(into_server, out_of_server, server_side=True)
    said: dict[bool, bytes] = {True: before, False: b""}

    def move(by_client: bool) -> None:
        source, target = (out_of_client, into_server) if by_client else (out_of_server, into_client)
        data = source.read()
        said[by_client] += data
        target.write(data)

    for _ in range(3):
        for side, by_client in ((client, True), (server, False)):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            move(by_client)
    client.write(b"how are you?")
    client.write(b"x" * 40_000)
    move(by_client=True)
    assert server.read(12) == b"how are you?"
    server.write(b"well")
    move(by_client=False)
    return [
        packet
        for by_client, data in said.items()
        for packet in segments(*((CLIENT, SERVER) if by_client else (SERVER, CLIENT)), data)
    ]


def segments(source: tuple[str, int], target: tuple[str, int], data: bytes) -> list[Packet]:
    def packet(flags: int, sequence: int, payload: bytes = b"") -> Packet:
        return Packet(
            0.0, source[0], target[0], 60, TCP, source[1], target[1], flags, sequence, payload=payload
        )

    parts = [packet(ACK, 8 + at, data[at : at + 1400]) for at in range(0, len(data), 1400)]
    return [packet(SYN, 7), *parts]
