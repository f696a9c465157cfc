"""Two streams with the tokens of one match become one, and nobody else's do."""

import asyncio
import hashlib
import random
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from floater.codes import Code
from floater.wire import control
from floater.wire.codec import encode
from floater.wire.control import Role
from floater.wire.frame import PREFIX
from floater.wire.relay import GO, PREAMBLE, RELAY_ANSWERS, Join, Joined
from server.app import RunningServer
from server.services.keys import open_keys
from server.services.tickets import RelayPass, TicketSigner
from tests.server.gateway.guests import Stream, a_server, meet, people, relay_answer, relay_stream


class Match:
    """A relay with tokens for it."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.signer = TicketSigner(open_keys(server.backend.config.data_dir))

    def token(self, role: Role, match_id: str = "m", lifetime: float = 60.0, account: int = 0) -> bytes:
        """A token from before this server's start, of which it knows nothing."""
        return self.signer.relay_token(RelayPass(match_id, role, time.time() + lifetime, account=account))

    async def stream(
        self, role: Role, match_id: str = "m", *, tls: str | None = None, account: int = 0
    ) -> Stream:
        stream = await Stream.open(self.server.ports[0], tls=tls)
        stream.say(PREAMBLE, Join(token=self.token(role, match_id, account=account)))
        return stream

    async def pair(
        self, match_id: str = "m", *, tls: tuple[str | None, str | None] = (None, None)
    ) -> tuple[Stream, Stream]:
        """Two streams that flow."""
        one = await self.stream(Role.LEADER, match_id, tls=tls[0])
        other = await self.stream(Role.FOLLOWER, match_id, tls=tls[1])
        for stream in (one, other):
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        return one, other

    async def until_empty(self) -> None:
        async with asyncio.timeout(30):
            while len(self.server.relay):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_match(folder: Path, **knobs: Any) -> AsyncIterator[Match]:
    async with a_server(folder, **knobs) as server:
        yield Match(server)


async def exactly(stream: Stream, size: int) -> bytes:
    async with asyncio.timeout(30):
        return await stream.reader.readexactly(size)


RELAY_ALPN = "floater-relay/1"


@pytest.mark.parametrize(
    "tls", [(None, None), (RELAY_ALPN, None), (None, RELAY_ALPN), (RELAY_ALPN, RELAY_ALPN)]
)
@pytest.mark.asyncio
async def test_bytes_pass_both_ways(tmp_path: Path, tls: tuple[str | None, str | None]) -> None:
    async with a_match(tmp_path) as match:
        one, other = await match.pair(tls=tls)
        one.say(b"from the one")
        assert await exactly(other, 12) == b"from the one"
        other.say(b"from the other")
        assert await exactly(one, 14) == b"from the other"
        one.say(b"last words")
        await one.close()
        assert await exactly(other, 10) == b"last words"
        assert await other.reader.read() == b""
        await other.close()
        await match.until_empty()


@pytest.mark.asyncio
async def test_nothing_reaches_a_side_before_its_go(tmp_path: Path) -> None:
    async with a_match(tmp_path) as match:
        one, other = await match.stream(Role.LEADER), await match.stream(Role.FOLLOWER)
        await one.expect(Joined, RELAY_ANSWERS)
        one.say(GO + b"early")
        await one.writer.drain()
        await other.expect(Joined, RELAY_ANSWERS)
        one.say(b" and more")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.reader.read(1), 0.1)
        other.say(GO + b"answer")
        assert await exactly(other, 14) == b"early and more"
        assert await exactly(one, 6) == b"answer"
        await one.close()
        await other.close()


@pytest.mark.asyncio
async def test_a_side_may_end_before_the_other_has_said_go(tmp_path: Path) -> None:
    async with a_match(tmp_path) as match:
        one, other = await match.stream(Role.LEADER), await match.stream(Role.FOLLOWER)
        await one.expect(Joined, RELAY_ANSWERS)
        one.say(GO + b"goodbye")
        one.writer.write_eof()
        await other.expect(Joined, RELAY_ANSWERS)
        other.say(GO + b"farewell")
        assert await exactly(other, 7) == b"goodbye"
        assert await other.reader.read() == b""
        assert await exactly(one, 8) == b"farewell"
        await other.close()
        assert await one.reader.read() == b""
        await one.close()
        await match.until_empty()


@pytest.mark.asyncio
async def test_fifty_megabytes_pass_whole_while_little_is_held(tmp_path: Path) -> None:
    size, chunk = 50_000_000, random.Random(1).randbytes(1_000_000)
    async with a_match(tmp_path) as match:
        one, other = await match.pair()
        tracemalloc.start()
        base = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()

        async def send() -> None:
            for _ in range(size // len(chunk)):
                one.say(chunk)
                await one.writer.drain()

        sending = asyncio.get_running_loop().create_task(send())
        digest, received = hashlib.sha256(), 0
        async with asyncio.timeout(50):
            while received < size:
                data = await other.reader.read(1 << 18)
                assert data
                digest.update(data)
                received += len(data)
        await sending
        peak = tracemalloc.get_traced_memory()[1] - base
        tracemalloc.stop()
        assert digest.digest() == hashlib.sha256(chunk * 50).digest()
        assert peak < 8_000_000  # both ends are in this process, too
        await one.close()
        await other.close()


@pytest.mark.asyncio
async def test_a_side_that_does_not_read_makes_the_other_wait(tmp_path: Path) -> None:
    async with a_match(tmp_path) as match:
        one, other = await match.pair()
        other.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a read transport, too

        async def send_on() -> None:
            while True:
                one.say(bytes(65_536))
                await asyncio.wait_for(one.writer.drain(), 2.0)

        with pytest.raises(TimeoutError):  # for the system's own buffers are full, too
            await send_on()
        held = [stream.held for stream in match.server.relay._streams.values()]
        assert len(held) == 2
        assert 0 < sum(held) <= 600_000  # the high-water mark, and what one read brought
        other.writer.transport.resume_reading()  # type: ignore[attr-defined]  # it is a read transport, too
        await asyncio.wait_for(one.writer.drain(), 5)
        one.writer.transport.abort()
        other.writer.transport.abort()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"floater-relay/2\n", Code.BAD_FRAME),
        (b"fghijk", Code.BAD_FRAME),
        (PREAMBLE + PREFIX.pack(1_025, 0), Code.FRAME_TOO_LARGE),
        (PREAMBLE + PREFIX.pack(2, 1), Code.FRAME_TOO_LARGE),
        (PREAMBLE + encode(Joined()), Code.UNKNOWN_TYPE),
        (PREAMBLE + encode(Join(token=b"")), Code.RELAY_REFUSED),
        (PREAMBLE + encode(Join(token=bytes(200))), Code.RELAY_REFUSED),
    ],
)
@pytest.mark.asyncio
async def test_who_cannot_say_whose_side_they_are_is_refused(
    tmp_path: Path, first: bytes, code: Code
) -> None:
    async with a_match(tmp_path) as match, await Stream.open(match.server.ports[0], tls=None) as stream:
        stream.say(first)
        assert await stream.message(RELAY_ANSWERS) == control.Refused(code=code)
        await stream.expect_end()
        assert len(match.server.relay) == 0


@pytest.mark.asyncio
async def test_a_token_is_good_for_its_server_and_its_time_alone(tmp_path: Path) -> None:
    async with a_match(tmp_path / "a") as match:
        stranger = TicketSigner(open_keys(tmp_path / "b"))
        forged = stranger.relay_token(RelayPass("m", Role.LEADER, time.time() + 60))
        good = match.token(Role.LEADER)
        tampered = good.replace(b"leader", b"loader")
        for token in (forged, match.token(Role.LEADER, lifetime=-1), good[:-1], tampered, good + b"x"):
            async with await Stream.open(match.server.ports[0], tls=None) as stream:
                stream.say(PREAMBLE, Join(token=token))
                assert await stream.message(RELAY_ANSWERS) == control.Refused(code=Code.RELAY_REFUSED)


@pytest.mark.asyncio
async def test_a_token_outlives_a_restart(tmp_path: Path) -> None:
    async with a_match(tmp_path) as match:
        tokens = match.token(Role.LEADER), match.token(Role.FOLLOWER)
    async with a_match(tmp_path) as match:
        streams = [await Stream.open(match.server.ports[0], tls=None) for _ in tokens]
        for stream, token in zip(streams, tokens, strict=True):
            stream.say(PREAMBLE, Join(token=token))
        for stream in streams:
            await stream.expect(Joined, RELAY_ANSWERS)
            await stream.close()


@pytest.mark.asyncio
async def test_the_sides_of_two_matches_are_never_joined(tmp_path: Path) -> None:
    async with a_match(tmp_path, relay_wait=0.3) as match:
        one, other = await match.stream(Role.LEADER, "m"), await match.stream(Role.FOLLOWER, "n")
        same_side = await match.stream(Role.FOLLOWER, "n")
        assert await other.message(RELAY_ANSWERS) is None  # replaced
        for stream in (one, same_side):
            assert await stream.message(RELAY_ANSWERS) == control.Refused(code=Code.TIMED_OUT)
        for stream in (one, other, same_side):
            await stream.close()
        await match.until_empty()


@pytest.mark.asyncio
async def test_a_newer_stream_of_one_side_takes_the_place_of_the_older(tmp_path: Path) -> None:
    async with a_match(tmp_path) as match:
        old_one, old_other = await match.pair()
        one = await match.stream(Role.LEADER)
        assert await old_one.reader.read() == b""
        assert await old_other.reader.read() == b""
        other = await match.stream(Role.FOLLOWER)
        for stream in (one, other):
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        one.say(b"again")
        assert await exactly(other, 5) == b"again"
        for stream in (old_one, old_other, one, other):
            await stream.close()


@pytest.mark.asyncio
async def test_what_comes_before_joined_ends_the_stream(tmp_path: Path) -> None:
    async with a_match(tmp_path) as match:
        async with await match.stream(Role.LEADER) as stream:
            stream.say(GO)
            assert await stream.message(RELAY_ANSWERS) == control.Refused(code=Code.UNEXPECTED)
        one, other = await match.stream(Role.LEADER), await match.stream(Role.FOLLOWER)
        await one.expect(Joined, RELAY_ANSWERS)
        one.say(b"no go")
        assert await one.reader.read() == b""
        await other.expect(Joined, RELAY_ANSWERS)
        assert await other.reader.read() == b""
        for stream in (one, other):
            await stream.close()


@pytest.mark.asyncio
async def test_the_relay_waits_only_so_long(tmp_path: Path) -> None:
    knobs = {"relay_join_timeout": 0.2, "relay_wait": 0.4}
    async with a_match(tmp_path, **knobs) as match:
        async with await Stream.open(match.server.ports[0], tls=None) as half:
            half.say(PREAMBLE[:5])
            assert await half.message(RELAY_ANSWERS) == control.Refused(code=Code.TIMED_OUT)
        async with await match.stream(Role.LEADER) as alone:
            assert await alone.message(RELAY_ANSWERS) == control.Refused(code=Code.TIMED_OUT)
        one, other = await match.stream(Role.LEADER), await match.stream(Role.FOLLOWER)
        for stream in (one, other):
            await stream.expect(Joined, RELAY_ANSWERS)
        one.say(GO)  # the other never says it
        assert await one.reader.read() == b""
        for stream in (one, other):
            await stream.close()
        await match.until_empty()


@pytest.mark.asyncio
async def test_an_idle_pair_is_closed_and_a_busy_one_is_not(tmp_path: Path) -> None:
    async with a_match(tmp_path, relay_idle=2.0) as match:
        one, other = await match.pair()
        idle = [await match.stream(role, "idle") for role in Role]
        for stream in idle:
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        ended = asyncio.gather(*(stream.reader.read() for stream in idle))
        while not ended.done():
            one.say(b".")
            assert await exactly(other, 1) == b"."
            await asyncio.wait((ended,), timeout=0.05)
        assert await ended == [b"", b""]
        one.say(b".")
        assert await exactly(other, 1) == b"."
        async with asyncio.timeout(30):
            assert await other.reader.read() == b""
        for stream in (one, other, *idle):
            await stream.close()


@pytest.mark.asyncio
async def test_an_account_has_its_share_of_the_relay_and_no_more_in_any_match(tmp_path: Path) -> None:
    async with a_match(tmp_path, relay_bytes=10_000, relay_idle=1.0) as match:
        one, other = [await match.stream(role, "m", account=1 + n) for n, role in enumerate(Role)]
        for stream in (one, other):
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        one.say(bytes(10_000))
        assert len(await exactly(other, 10_000)) == 10_000
        async with asyncio.timeout(30):
            assert await other.reader.read() == b""
        for account, code in ((1, Code.RELAY_REFUSED), (2, Code.RELAY_REFUSED), (3, Code.TIMED_OUT)):
            async with await match.stream(Role.LEADER, "n", account=account) as again:
                if code is Code.RELAY_REFUSED:
                    assert await again.message(RELAY_ANSWERS) == control.Refused(code=code)
        match.server.relay.sweep(86_400.0)
        async with await match.stream(Role.FOLLOWER, "o", account=1) as tomorrow:
            async with await match.stream(Role.LEADER, "o", account=2) as peer:
                await tomorrow.expect(Joined, RELAY_ANSWERS)
                await peer.expect(Joined, RELAY_ANSWERS)
        await one.close()
        await other.close()


@pytest.mark.asyncio
async def test_a_full_relay_says_so_to_both_and_those_who_wait_do_not_fill_it(tmp_path: Path) -> None:
    async with a_match(tmp_path, max_relays=1) as match:
        waiting = await match.stream(Role.LEADER, "n")
        async with asyncio.timeout(30):
            while not len(match.server.relay):
                await asyncio.sleep(0.01)
        first = await match.pair()
        async with await match.stream(Role.FOLLOWER, "n") as second:
            assert await second.message(RELAY_ANSWERS) == control.Refused(code=Code.RELAY_FULL)
        assert await waiting.message(RELAY_ANSWERS) == control.Refused(code=Code.RELAY_FULL)
        for stream in (*first, waiting):
            await stream.close()


@pytest.mark.parametrize(
    ("knobs", "accounts"),
    [
        ({"relay_halves_per_account": 2}, (7, 7, 7, 7)),
        ({"relay_halves_per_address": 2, "public_host": "127.0.0.1"}, (1, 2, 3, 4)),
        ({"relay_halves": 2}, (1, 2, 3, 4)),
    ],
)
@pytest.mark.asyncio
async def test_of_too_many_halves_that_wait_the_oldest_has_to_go(
    tmp_path: Path, knobs: dict[str, Any], accounts: tuple[int, ...]
) -> None:
    async with a_match(tmp_path, **knobs) as match:
        halves = []
        for number, account in enumerate(accounts):
            halves.append(await match.stream(Role.LEADER, f"m{number}", account=account))
            if number >= 2:
                refused = await halves[number - 2].message(RELAY_ANSWERS)
                assert refused == control.Refused(code=Code.RELAY_FULL)
        assert len(match.server.relay) == 2
        for stream in halves:
            await stream.close()


@pytest.mark.asyncio
async def test_tokens_of_matches_that_have_ended_open_nothing(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        for _ in range(12):  # more than the server remembers the ends of
            ours, theirs = await meet(ann, ben)
            for guest, matched in ((ann, ours), (ben, theirs)):
                guest.say(
                    control.EndMatch(
                        id=guest.new_id(), match_id=matched.match_id, reason=control.EndReason.HUNG_UP
                    )
                )
                while not isinstance(await guest.message(), control.Done):
                    pass
            for matched in (ours, theirs):
                async with await relay_stream(server, matched.relay_token) as stream:
                    assert await relay_answer(stream) == control.Refused(code=Code.RELAY_REFUSED)


@pytest.mark.asyncio
async def test_a_pair_lasts_as_long_as_its_match_and_a_moment_longer(tmp_path: Path) -> None:
    """Three days at once, in the time of the relay itself; then the match ends."""
    knobs = {"relay_idle": 1e9, "relay_after_match": 5.0, "ticket_lifetime": 0.001}
    async with a_server(tmp_path, **knobs) as server, people(server, "ann", "ben") as (ann, ben):
        matched = await meet(ann, ben)
        one, other = [await relay_stream(server, each.relay_token) for each in matched]
        for stream in (one, other):
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        server.relay.sweep(72 * 3_600.0)
        one.say(b"still here")
        assert await exactly(other, 10) == b"still here"
        await one.close()
        assert await other.reader.read() == b""
        again = [await relay_stream(server, each.relay_token) for each in matched]
        for stream in again:
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        assert isinstance(
            await ann.ask(control.EndMatch, match_id=matched[0].match_id, reason=control.EndReason.HUNG_UP),
            control.Done,
        )
        server.relay.sweep(1.0)
        again[0].say(b"bye")
        assert await exactly(again[1], 3) == b"bye"
        server.relay.sweep(5.0)
        for stream in (*again, other):
            assert await stream.reader.read() == b""
            await stream.close()


@pytest.mark.logs("the relay holds too much")
@pytest.mark.asyncio
async def test_what_is_held_for_streams_that_were_replaced_counts_too(tmp_path: Path) -> None:
    """No pair holds too much, and each ends as soon as it is stalled; all together hold too much."""
    async with a_match(tmp_path, relay_memory=600_000) as match:
        relay = match.server.relay
        pairs = [await match.pair(match_id) for match_id in "abcde"]
        opened = [stream for pair in pairs for stream in pair]
        async with asyncio.timeout(30):
            for match_id, (one, other) in zip("abcde", pairs, strict=True):
                stalled = next(
                    stream
                    for stream in relay._streams.values()
                    if (stream.relay_pass.match_id, stream.relay_pass.role) == (match_id, Role.FOLLOWER)
                )
                other.writer.transport.pause_reading()  # type: ignore[attr-defined]  # as below
                for _ in range(300):
                    one.say(bytes(65_536))
                while stalled.id in relay._streams and stalled.held < 262_144:
                    await asyncio.sleep(0.01)
                opened.append(await match.stream(Role.LEADER, match_id))
                while stalled.id in relay._streams:
                    await asyncio.sleep(0.01)
            while sum(stream.held for stream in relay._closing.values()) > 600_000:
                await asyncio.sleep(0.01)
        for stream in opened:
            stream.writer.transport.abort()


@pytest.mark.logs("the relay holds too much")
@pytest.mark.asyncio
async def test_a_relay_that_holds_too_much_ends_the_most_stalled_pair(tmp_path: Path) -> None:
    async with a_match(tmp_path, relay_memory=65_536) as match:
        one, other = await match.pair()
        calm = [await match.stream(role, "calm") for role in Role]
        for stream in calm:
            await stream.expect(Joined, RELAY_ANSWERS)
            stream.say(GO)
        other.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a read transport, too
        with suppress(ConnectionError):
            for _ in range(1_000):
                one.say(bytes(65_536))
        async with asyncio.timeout(30):
            while len(match.server.relay) > 1:
                await asyncio.sleep(0.01)
        calm[0].say(b"calm")
        assert await exactly(calm[1], 4) == b"calm"
        for stream in (one, other, *calm):
            stream.writer.transport.abort()
