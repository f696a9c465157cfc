"""Tickets and observers against what §4.6 and §5.1 say of their edges; their bytes are made by hand."""

import base64
import hashlib
import json
import struct
from typing import Any, Final

import pytest

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import Role
from floater.wire.stun import BindingRequest, Probe, take_message
from floater.wire.ticket import check_ticket

OWN, PEER = b"leader", b"follower"
DIGESTS: Final = {
    "leader": base64.b64encode(hashlib.sha256(OWN).digest()).decode(),
    "follower": base64.b64encode(hashlib.sha256(PEER).digest()).decode(),
}
TICKET: Final[dict[str, Any]] = {"match_id": "m", **DIGESTS, "issued": 1_000.0, "expires": 2_000.0}


def check(payload: bytes, time: float = 1_500.0) -> None:
    check_ticket(payload, match_id="m", role=Role.LEADER, own=OWN, peer=PEER, server_time=time)


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(TICKET),
        json.dumps(dict(reversed(TICKET.items())), indent=1),
        json.dumps({**TICKET, "later": [None, {"a": 1}]}),
        json.dumps({**TICKET, "issued": 1_000, "expires": 2_000}),
        json.dumps(TICKET).replace("{", '{"match_id": "other", ', 1),
    ],
)
def test_a_ticket_may_be_laid_out_in_any_way(payload: str) -> None:
    check(payload.encode())


@pytest.mark.parametrize(
    "wrong",
    [
        {"leader": DIGESTS["leader"].rstrip("=")},
        {"follower": DIGESTS["follower"][:-2]},
        {"issued": "1000"},
        {"expires": None},
        {"match_id": "x" * 33},
        {"match_id": "n"},
        {"leader": DIGESTS["follower"], "follower": DIGESTS["leader"]},
    ],
)
def test_a_ticket_with_a_wrong_field_is_refused(wrong: dict[str, Any]) -> None:
    assert refusal(json.dumps({**TICKET, **wrong}).encode()) is Code.BAD_TICKET


@pytest.mark.parametrize("field", TICKET)
def test_a_ticket_needs_every_field(field: str) -> None:
    rest = {name: value for name, value in TICKET.items() if name != field}
    assert refusal(json.dumps(rest).encode()) is Code.BAD_TICKET


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b"\xef\xbb\xbf{}", b'{"issued": NaN}'])
def test_a_ticket_is_one_json_object(payload: bytes) -> None:
    assert refusal(payload) is Code.BAD_TICKET


@pytest.mark.parametrize(
    ("time", "holds"), [(939.0, False), (940.0, True), (1_999.0, True), (2_000.0, False)]
)
def test_a_ticket_holds_in_its_time(time: float, holds: bool) -> None:
    payload = json.dumps(TICKET).encode()
    assert (refusal(payload, time) is None) is holds


def refusal(payload: bytes, time: float = 1_500.0) -> Code | None:
    try:
        check(payload, time)
    except RemoteProtocolError as error:
        return error.code
    return None


# -- observers ----------------------------------------------------------------------------


def request(*attributes: tuple[int, bytes]) -> bytearray:
    body = b"".join(
        struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in attributes
    )
    return bytearray(struct.pack("!HHI", 1, len(body), 0x2112A442) + bytes(12) + body)


@pytest.mark.parametrize(
    ("attributes", "username", "probe"),
    [
        ([], "", Probe.NONE),
        ([(0x0006, b"k3")], "k3", Probe.NONE),
        ([(0x0006, b"k3"), (0x0006, b"other")], "k3", Probe.NONE),
        ([(0x0003, bytes(4)), (0x7FFF, b"required"), (0x0006, b"k3")], "k3", Probe.NONE),
        ([(0xFF10, struct.pack("!I", 0xFFFFFFFF))], "", Probe.OTHER_PORT | Probe.OTHER_ADDRESS),
    ],
)
def test_an_observer_answers_a_request_with_any_attributes(
    attributes: list[tuple[int, bytes]], username: str, probe: Probe
) -> None:
    assert take_message(request(*attributes)) == BindingRequest(bytes(12), username, probe)
