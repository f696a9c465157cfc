"""The peer leg against the table of §3.3. The peer is made of bytes over TLS; the link is ours."""

import asyncio
import base64
import contextlib
import json
import struct
from pathlib import Path

import pytest

from floater import api
from floater.codes import Code
from floater.core import engine
from floater.errors import FloaterError
from floater.net.peer_link import PeerLink
from floater.wire.control import Role
from floater.wire.talk import Text
from tests.conformance.table import faults, frame, offence
from tests.floater.net.test_peer_link import SIGNATURE, TICKET, Match
from tests.helpers.several_talks import Someone, two

pytestmark = pytest.mark.asyncio

HELLO = {
    "type": "peer_hello",
    "versions": [1],
    "ticket": base64.b64encode(TICKET).decode(),
    "signature": base64.b64encode(SIGNATURE).decode(),
    "received": 0,
}
TEXT = {"type": "text", "seq": 1, "received": 0}
LATER = frame({"type": "link_ping", "number": 5})
BEFORE = {fault: stream for fault, (_, stream, _) in faults().items() if stream != "–"}
AFTER_HANG_UP = "the talk ends, after `hang_up`"
LINKS = {fault: link for fault, (_, _, link) in faults().items() if link != "–"}
ON_A_LINK = {fault: link for fault, link in LINKS.items() if link != AFTER_HANG_UP}


async def end(ours: PeerLink, writer: asyncio.StreamWriter) -> None:
    ours.discard()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("fault", BEFORE)
async def test_before_the_stream_is_a_link_a_fault_ends_only_the_stream(fault: str, role: Role) -> None:
    match = Match()
    ours, theirs = match.link(role), Role.FOLLOWER if role is Role.LEADER else Role.LEADER

    async def speak() -> asyncio.StreamWriter:
        _, writer = await match.impostor(theirs)
        good = TEXT if fault == "another first message" else HELLO
        writer.write(offence(fault, good, number="received", hello=HELLO))
        if fault == "unknown type":  # the others that go on are a hello themselves
            writer.write(frame(HELLO))
        return writer

    async def open_ours() -> FloaterError | None:
        try:
            await ours.open(match.socks[role])
        except FloaterError as error:
            return error
        return None

    opened, writer = await asyncio.gather(open_ours(), speak())
    owner = match.owners[role]
    if BEFORE[fault] == "goes on":
        assert opened is None
        assert len(owner.ready) == 1
    else:
        assert isinstance(opened, FloaterError)
        assert owner.ready == []
    assert owner.arrived == []
    await end(ours, writer)


@pytest.mark.parametrize("role", Role)
async def test_a_side_without_a_common_version_says_so_and_nothing_after_it(role: Role) -> None:
    match = Match()
    ours, theirs = match.link(role), Role.FOLLOWER if role is Role.LEADER else Role.LEADER

    async def speak() -> list[dict[str, object]]:
        reader, writer = await match.impostor(theirs)
        writer.write(offence("no common version", HELLO, number="received", hello=HELLO))
        writer.write(frame({"type": "hang_up", "seq": 1, "received": 0, "code": "unsupported_version"}))
        said = headers(await reader.read())
        writer.close()
        return said

    async def refusal() -> Code:
        with pytest.raises(FloaterError) as caught:
            await ours.open(match.socks[role])
        return caught.value.code

    code, (hello, *last) = await asyncio.gather(refusal(), speak())
    assert code is Code.UNSUPPORTED_VERSION
    assert hello["type"] == "peer_hello"
    assert last == [{"type": "hang_up", "seq": 1, "received": 0, "code": "unsupported_version"}]


def headers(stream: bytes) -> list[dict[str, object]]:
    """The headers of whole frames, cut by §3.1 and by no code of the program."""
    found = []
    while stream:
        header, body = struct.unpack("!HI", stream[:6])
        found.append(json.loads(stream[6 : 6 + header]))
        stream = stream[6 + header + body :]
    return found


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("fault", ON_A_LINK)
async def test_on_a_link_a_fault_ends_what_the_table_says(fault: str, apart: bool) -> None:
    """The frame before the fault is obeyed, whether both came in one write or not."""
    match = Match()
    ours, owner = match.link(Role.FOLLOWER), match.owners[Role.FOLLOWER]
    bad = offence(fault, {**TEXT, "seq": 2}, number="seq", hello=HELLO)

    async def speak() -> asyncio.StreamWriter:
        _, writer = await match.impostor(Role.LEADER)
        writer.write(frame(HELLO) + frame(TEXT, b"good") + (b"" if apart else bad))
        return writer

    _, writer = await asyncio.gather(ours.open(match.socks[Role.FOLLOWER]), speak())
    await owner.until(lambda: owner.arrived)
    assert owner.arrived[0] == (Text(seq=1, received=0), b"good")
    if apart:
        writer.write(bad)
    if ON_A_LINK[fault] == "goes on":
        writer.write(LATER)
        await owner.until(lambda: any(getattr(message, "number", 0) == 5 for message, _ in owner.arrived))
        assert owner.closed == []
    else:
        await owner.until(lambda: owner.closed)
        assert isinstance(owner.closed[0], FloaterError)
        assert len(owner.arrived) == 1
    await end(ours, writer)


async def test_any_higher_number_chooses_and_no_other_is_a_fault(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talk = await both.meet()
        (link,) = both.ann.talks._talks[talk].links._links.values()
        assert link._transport is not None
        for number in (7, 1_007, 1_007, 3):
            link._transport.write(frame({"type": "choose", "number": number}))
        await both.ann.talks.do(api.SendText("still here", talk=talk))
        (text,) = await both.bob.sees(api.TextReceived)
        assert text.text == "still here"
        assert faults_of(both.bob, talk) == []


async def test_only_what_is_good_but_unexpected_is_answered_by_a_hang_up() -> None:
    assert LINKS.keys() - ON_A_LINK.keys() == {"second hello", "`choose` of the follower"}


@pytest.mark.parametrize(
    ("fault", "offender"),
    [("second hello", "leader"), ("second hello", "follower"), ("`choose` of the follower", "follower")],
)
async def test_what_is_unexpected_on_a_link_is_reported_by_a_hang_up(
    fault: str, offender: str, tmp_path: Path
) -> None:
    async with two(tmp_path) as both:
        talk = await both.meet()
        theirs, ours = (both.ann, both.bob) if offender == "leader" else (both.bob, both.ann)
        (link,) = theirs.talks._talks[talk].links._links.values()
        assert link._transport is not None
        link._transport.write(offence(fault, TEXT, number="seq", hello=HELLO))
        (theirs_ended,) = await theirs.sees(api.TalkEnded)
        (ours_ended,) = await ours.sees(api.TalkEnded)
        assert ours_ended.reason is api.Ended.PEER_MISBEHAVED
        assert theirs_ended.reason is api.Ended.PEER_HUNG_UP
        assert faults_of(ours, talk) == [engine.Fault(talk, Code.UNEXPECTED, is_ours=False)]
        assert faults_of(theirs, talk) == [engine.Fault(talk, Code.UNEXPECTED, is_ours=True)], "it was told"


def faults_of(someone: Someone, talk: str) -> list[engine.Fault]:
    faults = [effect for effect in someone.orders if isinstance(effect, engine.Fault)]
    return [fault for fault in faults if fault.talk == talk]
