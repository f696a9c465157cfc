"""Two people meet over real sockets, and everything that may come between."""

import asyncio
import time
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from floater.codes import Code
from floater.crypto.certificate import make_certified_key
from floater.errors import RemoteProtocolError
from floater.wire import control
from floater.wire.control import EndReason, Role
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.nat import Mapping, Nat
from floater.wire.ticket import check_ticket
from server.bus.base import ACCOUNTS
from server.core.sessions import Revoked
from tests.server.gateway.guests import PASSWORD, Guest, a_server, meet, people

HERE = Candidate(CandidateKind.PRIVATE, "127.0.0.1", 40_000)


@pytest.mark.asyncio
async def test_two_who_seek_are_given_tickets_that_hold(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        ours = {"ann": await ann.seek(language="zh-CN", nat=Nat(Mapping.OPEN))}
        ours["ben"] = await ben.seek(candidates=(HERE,))
        told = {"ann": await ann.expect(control.Matched), "ben": await ben.expect(control.Matched)}
        assert {m.role for m in told.values()} == {Role.LEADER, Role.FOLLOWER}
        assert told["ann"].match_id == told["ben"].match_id
        assert told["ann"].relay_token != told["ben"].relay_token
        for me, other in (("ann", "ben"), ("ben", "ann")):
            matched = told[me]
            assert matched.peer.username == other
            assert matched.certificate == ours[other].certificate
            assert not matched.relay_only
            key = Ed25519PublicKey.from_public_bytes(ann.welcome.ticket_key)
            key.verify(matched.signature, matched.ticket)
            ticket = check_ticket(
                matched.ticket,
                match_id=matched.match_id,
                role=matched.role,
                own=ours[me].certificate,
                peer=matched.certificate,
                server_time=time.time(),
            )
            assert ticket.expires - ticket.issued == server.backend.config.ticket_lifetime
            with pytest.raises(InvalidSignature):
                key.verify(matched.signature, matched.ticket + b" ")
            with pytest.raises(RemoteProtocolError):
                check_ticket(
                    matched.ticket,
                    match_id=matched.match_id,
                    role=matched.role,
                    own=ours[me].certificate,
                    peer=make_certified_key().certificate,
                    server_time=time.time(),
                )
        assert (told["ben"].peer.language, told["ben"].nat) == ("zh-CN", Nat(Mapping.OPEN))
        assert told["ann"].candidates == (HERE,)


@pytest.mark.asyncio
async def test_places_that_nobody_saw_are_left_out_and_their_owner_told(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        seen = Endpoint("203.0.113.7", 40_000)
        server.backend.observations.note(ann.welcome.observer_key, seen)
        honest = Candidate(CandidateKind.PUBLIC, *seen)
        lie = Candidate(CandidateKind.PUBLIC, "198.51.100.1", 22)
        answer = await ann.ask(
            control.Seek, certificate=make_certified_key().certificate, candidates=(honest, lie, HERE)
        )
        assert answer.notice == Code.BAD_CANDIDATE
        await ben.seek()
        assert set((await ben.expect(control.Matched)).candidates) == {honest, HERE}


@pytest.mark.parametrize("who_hides", ["ann", "ben"])
@pytest.mark.asyncio
async def test_who_hides_is_told_nothing_and_nothing_is_told_of_them(tmp_path: Path, who_hides: str) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        await ann.seek(candidates=(HERE,), hide_address=who_hides == "ann", nat=Nat(Mapping.OPEN))
        await ben.seek(candidates=(HERE,), hide_address=who_hides == "ben", nat=Nat(Mapping.OPEN))
        for guest in (ann, ben):
            matched = await guest.expect(control.Matched)
            assert matched.relay_only
            assert matched.candidates == ()
            assert matched.nat == Nat()
        for guest in (ann, ben):
            done = await guest.ask(control.UpdateCandidates, match_id=matched.match_id, candidates=(HERE,))
            assert isinstance(done, control.Done)
            done = await guest.ask(control.Opened, match_id=matched.match_id, punch=0)
            assert isinstance(done, control.Done)
        for guest in (ann, ben):  # had anything been told, it would stand before this
            assert isinstance(await guest.ask(control.Ping), control.Done)


@pytest.mark.asyncio
async def test_new_places_during_a_match_are_passed_on(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        matched, _ = await meet(ann, ben)
        done = await ann.ask(control.UpdateCandidates, match_id=matched.match_id, candidates=(HERE,))
        assert done == control.Done(id=done.id)
        assert await ben.message() == control.PeerCandidates(match_id=matched.match_id, candidates=(HERE,))
        refused = await ann.ask(control.UpdateCandidates, match_id="another", candidates=(HERE,))
        assert refused.code == Code.NO_SUCH_MATCH


@pytest.mark.asyncio
async def test_the_peer_hears_when_somebody_s_nat_is_open_for_it(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        matched, _ = await meet(ann, ben)
        await ann.ask(
            control.UpdateCandidates, match_id=matched.match_id, candidates=(HERE,), nat=Nat(Mapping.OPEN)
        )
        assert (await ben.expect(control.PeerCandidates)).nat == Nat(Mapping.OPEN)
        done = await ann.ask(control.Opened, match_id=matched.match_id, punch=2)
        assert done == control.Done(id=done.id)
        assert await ben.message() == control.PeerOpened(match_id=matched.match_id, punch=2)
        for punch in (2, 1, 3):  # each is told once, and none that is older
            assert isinstance(
                await ann.ask(control.Opened, match_id=matched.match_id, punch=punch), control.Done
            )
        assert await ben.message() == control.PeerOpened(match_id=matched.match_id, punch=3)
        refused = await ann.ask(control.Opened, match_id="another", punch=0)
        assert refused.code == Code.NO_SUCH_MATCH


@pytest.mark.asyncio
async def test_what_may_not_be_sought(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        assert (await ann.ask(control.Seek, certificate=bytes(64))).code == Code.BAD_FIELD
        await ann.seek()
        certificate = make_certified_key().certificate
        assert (await ann.ask(control.Seek, certificate=certificate)).code == Code.ALREADY_SEEKING
        await ben.seek()
        matched = await ann.expect(control.Matched)
        assert matched.peer.username == "ben"
        assert (await ann.ask(control.Seek, certificate=certificate)).code == Code.IN_A_TALK
        assert (await ann.ask(control.CancelSeek)).code == Code.ALREADY_MATCHED
        left = await ann.ask(control.EndMatch, match_id=matched.match_id, reason=EndReason.LEFT)
        assert left.code == Code.BAD_FIELD


@pytest.mark.asyncio
async def test_a_refused_second_seek_does_not_change_the_first(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        first = await ann.seek()
        refused = await ann.ask(control.Seek, certificate=make_certified_key().certificate, hide_address=True)
        assert refused.code == Code.ALREADY_SEEKING
        await ben.seek()
        matched = await ben.expect(control.Matched)
        assert matched.certificate == first.certificate
        assert not matched.relay_only


@pytest.mark.asyncio
async def test_hanging_up_at_once_brings_both_home(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        matched, _ = await meet(ann, ben)
        for guest in (ann, ben):
            guest.say(control.EndMatch(id=900, match_id=matched.match_id, reason=EndReason.HUNG_UP))
        answers = [[await guest.message()] for guest in (ann, ben)]
        # One was first; the other hears of it, and is answered alike.
        for guest, heard in zip((ann, ben), answers, strict=True):
            if isinstance(heard[0], control.MatchEnded):
                heard.append(await guest.message())
        assert all(heard[-1] == control.Done(id=900) for heard in answers)
        assert sum(len(heard) for heard in answers) == 3
        again, _ = await meet(ann, ben)
        assert again.match_id != matched.match_id


@pytest.mark.asyncio
async def test_a_second_log_in_closes_the_first_and_ends_its_talk(tmp_path: Path) -> None:
    async with (
        a_server(tmp_path) as server,
        people(server, "ann", "ben") as (ann, ben),
        await Guest.arrive(server) as elsewhere,
    ):
        matched, _ = await meet(ann, ben)
        await elsewhere.log_in("ann")
        assert await ann.message() == control.Closing(code=Code.LOGGED_IN_ELSEWHERE)
        await ann.expect_end()
        assert await ben.message() == control.MatchEnded(match_id=matched.match_id, reason=EndReason.LEFT)
        await elsewhere.seek()  # and is free


@pytest.mark.asyncio
async def test_logging_out_ends_the_talk(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        matched, _ = await meet(ann, ben)
        assert isinstance(await ann.ask(control.LogOut), control.Done)
        assert await ben.message() == control.MatchEnded(match_id=matched.match_id, reason=EndReason.LEFT)


@pytest.mark.asyncio
async def test_a_talk_outlives_the_connections_of_both(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        token = await relog(ann, "ann")
        matched, _ = await meet(ann, ben, candidates=(HERE,))
        await ann.close()
        async with await Guest.arrive(server) as back:
            answer = await back.ask(control.Restore, token=token, matches=(matched.match_id,))
            assert isinstance(answer, control.LoggedIn)
            # Where the peer is now, in case it moved meanwhile.
            assert await back.message() == control.PeerCandidates(
                match_id=matched.match_id, candidates=(HERE,)
            )
            refused = await back.ask(control.Seek, certificate=make_certified_key().certificate)
            assert refused.code == Code.IN_A_TALK
            await ben.ask(control.EndMatch, match_id=matched.match_id, reason=EndReason.HUNG_UP)
            ended = await back.message()
            assert ended == control.MatchEnded(match_id=matched.match_id, reason=EndReason.HUNG_UP)


async def relog(guest: Guest, name: str) -> str:
    """Log out and in, to know the token."""
    await guest.ask(control.LogOut)
    return await guest.log_in(name)


@pytest.mark.asyncio
async def test_a_talk_outlives_the_server(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        tokens = [await relog(ann, "ann"), await relog(ben, "ben")]
        matched, _ = await meet(ann, ben)
    async with a_server(tmp_path) as server:
        back = [await Guest.arrive(server) for _ in tokens]
        for guest, token in zip(back, tokens, strict=True):
            await guest.ask(control.Restore, token=token, matches=(matched.match_id,))
            refused = await guest.ask(control.Seek, certificate=make_certified_key().certificate)
            assert refused.code == Code.IN_A_TALK
        # Whether either hid is forgotten, so nothing is passed on.
        done = await back[0].ask(control.UpdateCandidates, match_id=matched.match_id, candidates=(HERE,))
        assert isinstance(done, control.Done)
        await back[0].ask(control.EndMatch, match_id=matched.match_id, reason=EndReason.HUNG_UP)
        ended = await back[1].message()
        assert ended == control.MatchEnded(match_id=matched.match_id, reason=EndReason.HUNG_UP)
        for guest in back:
            await guest.seek()
            await guest.close()


@pytest.mark.asyncio
async def test_restoring_without_the_talk_ends_it(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        token = await relog(ann, "ann")
        matched, _ = await meet(ann, ben)
        await ann.close()
        async with await Guest.arrive(server) as back:
            await back.ask(control.Restore, token=token)
            assert await ben.message() == control.MatchEnded(match_id=matched.match_id, reason=EndReason.LEFT)


@pytest.mark.parametrize("name", ["x", "?" * 22, "a" * 32])
@pytest.mark.asyncio
async def test_what_is_no_match_is_not_believed(tmp_path: Path, name: str) -> None:
    async with a_server(tmp_path) as server, people(server, "ann") as (ann,):
        token = await relog(ann, "ann")
        async with await Guest.arrive(server) as back:
            await back.ask(control.Restore, token=token, matches=(name,))
            assert await back.message() == control.MatchEnded(match_id=name, reason=EndReason.LEFT)
            await back.seek()


@pytest.mark.asyncio
async def test_who_stays_away_too_long_is_given_up(tmp_path: Path) -> None:
    async with a_server(tmp_path, absence_limit=0.3) as server, people(server, "ann", "ben") as (ann, ben):
        matched, _ = await meet(ann, ben)
        await ann.close()
        assert await ben.message() == control.MatchEnded(match_id=matched.match_id, reason=EndReason.LOST)
        await ben.seek()


@pytest.mark.asyncio
async def test_who_drops_while_seeking_is_met_by_nobody(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben", "cat") as (ann, ben, cat):
        await ann.seek()
        await ann.close()
        async with asyncio.timeout(30):
            while len(server.backend.matchmaking._guests) == 3:
                await asyncio.sleep(0.01)
        await ben.seek()
        await cat.seek()
        assert (await ben.expect(control.Matched)).peer.username == "cat"


@pytest.mark.asyncio
async def test_a_new_name_is_what_the_next_stranger_sees(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann", "ben") as (ann, ben):
        await ann.ask(control.SetUsername, username="Anna  K")
        await meet_named(ann, ben, "Anna K")


async def meet_named(one: Guest, other: Guest, name: str) -> None:
    _, matched = await meet(one, other)
    assert matched.peer.username == name


@pytest.mark.asyncio
async def test_a_changed_password_ends_the_other_log_in_and_keeps_ours(tmp_path: Path) -> None:
    async with (
        a_server(tmp_path) as server,
        people(server, "ann") as (ann,),
        await Guest.arrive(server) as other,
    ):
        # The account has two tokens; only one connection can be on, so the second is restored after.
        old_token = await relog(ann, "ann")
        await other.log_in("ann")
        assert (await ann.message()).code == Code.LOGGED_IN_ELSEWHERE
        done = await other.ask(control.ChangePassword, old=PASSWORD, new="another good password")
        assert isinstance(done, control.Done)
        assert isinstance(await other.ask(control.Ping), control.Done)
        async with await Guest.arrive(server) as late:
            assert (await late.ask(control.Restore, token=old_token)).code == Code.SESSION_ENDED


@pytest.mark.asyncio
async def test_a_revoked_log_in_is_closed_with_the_reason(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann") as (ann,):
        account = next(iter(server.backend.connections)).session
        assert account is not None
        bus = server.backend.accounts._parts.bus
        bus.publish(ACCOUNTS, Revoked(account.account, account.token_hash))  # kept
        assert isinstance(await ann.ask(control.Ping), control.Done)
        bus.publish(ACCOUNTS, Revoked(account.account, None))
        assert await ann.message() == control.Closing(code=Code.SESSION_ENDED)
        await ann.expect_end()


@pytest.mark.asyncio
async def test_an_account_that_had_many_matches_has_to_wait(tmp_path: Path) -> None:
    knobs = {"match_limit": "2/600 -", "public_host": "127.0.0.1"}
    async with a_server(tmp_path, **knobs) as server, people(server, "ann", "ben") as (ann, ben):
        for _ in range(2):
            ours, _ = await meet(ann, ben)
            await ann.ask(control.EndMatch, match_id=ours.match_id, reason=EndReason.HUNG_UP)
            await ben.expect(control.MatchEnded)
        refused = await ann.ask(control.Seek, certificate=make_certified_key().certificate)
        assert isinstance(refused, control.Refused)
        assert refused.code == Code.TOO_MANY_TRIES
        assert refused.retry_after > 0.0
