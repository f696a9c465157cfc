"""Whatever a peer says, in whatever order: it is obeyed, refused, or a named fault, and nothing else."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater import api
from floater.core.link import Arrived, LinkUp
from floater.core.talk.talk import AcceptTo, End, Misbehaved
from floater.errors import Refused, RemoteProtocolError
from floater.wire import talk as wire
from tests.helpers.pair import Pair, of_follower, of_leader

TRANSFERS = st.sampled_from(
    [
        of_leader(2),
        of_leader(3),
        of_follower(2),
        of_follower(3),
        of_follower(4),
        of_leader(99),
        of_follower(99),
    ]
)
PLACES = st.sampled_from([0, 1, 9, 99, 100, 101, 1_048_576, 1 << 40])
CODES = st.sampled_from(["declined", "cancelled", "not_greeted", "", "nonsense"])
BODIES = st.sampled_from([b"", b"x", b"abc", b"\xff", bytes(100), bytes(1_048_576)])
ANY = {
    "seq": st.just(0),
    "received": st.sampled_from([0, 1, 2, 5, 1 << 50]),
    "transfer": TRANSFERS,
    "code": CODES,
    "of": st.sampled_from([1, 2, 3, 1 << 50]),
    "first": PLACES,
    "last": PLACES,
    "typing": st.booleans(),
    "number": st.sampled_from([1, 2, 3]),
    "language": st.sampled_from(["zh", "", "\x00"]),
    "name": st.sampled_from(["a", "../..", "\x00"]),
    "content_type": st.sampled_from(["image/png", "a/b", "", "\n"]),
    "content_length": PLACES,
    "preview": st.sampled_from([None, (1, 1), (16, 16)]),
    "content_digests": st.sampled_from([(), ("sha256",), ("blake3", "sha256"), ("x",)]),
    "content_digest": st.sampled_from(["sha256", "blake3", ""]),
    "sha256": st.sampled_from([bytes(32), bytes(32), None]),
    "blake3": st.sampled_from([bytes(32), None]),
}
MESSAGES = st.one_of(
    *(
        st.builds(kind, **{field.name: ANY[field.name] for field in msgspec.structs.fields(kind)})
        for kind in wire.TalkMessage.__args__
        if kind is not wire.PeerHello
    )
)
SEQ_STEPS = st.sampled_from([1, 1, 1, 1, 1, 0, 2])
OURS = st.sampled_from(
    [
        api.Greet("zh"),
        api.SendText("a"),
        AcceptTo(of_follower(2), "/x"),
        api.Pause(of_follower(2)),
        api.Cancel(of_leader(2)),
        api.Retry(of_leader(2)),
        LinkUp(2, 0),
        LinkUp(2, 2),
    ]
)
STEPS = st.lists(st.one_of(st.tuples(MESSAGES, BODIES, SEQ_STEPS), OURS), max_size=30)


@pytest.mark.search
@settings(max_examples=300, deadline=None)
@given(st.booleans(), STEPS)
def test_a_hostile_peer_gets_nothing_but_named_faults(
    greeted: bool, steps: list[tuple[wire.TalkMessage, bytes, int] | api.Greet]
) -> None:
    pair = Pair(greeted=greeted)
    side = pair.leader
    if greeted:
        side.offer(bytes(100))
    side.transmit = lambda effect: None  # the honest follower hears and says no more
    pair.run(1.0)
    try:
        for step in steps:
            if not isinstance(step, tuple):
                with contextlib.suppress(Refused):
                    side.feed(step)
                continue
            message, body, ahead = step
            if isinstance(message, wire.Numbered):
                message = msgspec.structs.replace(message, seq=side.talk.received + ahead or 1)
            side.feed(Arrived(1, message, body))
            pair.run(0.01)
    except RemoteProtocolError as error:
        side.feed(Misbehaved(error.code))
    else:
        side.feed(End(api.Ended.PEER_LOST))
    pair.run(1.0)
    assert len(side.over) == 1
    assert side.talk.deadline is None
    assert side.disk.sources == {}
    assert side.disk.parts == {}
    if not greeted:
        assert side.greeted or not side.texts
