"""Whether time tells what the answers do not: is there an account for this address?

Two addresses, one with an account, are asked the same in random turns, so
that whatever else the machine does, and whatever the last request left to be
done, falls on both alike. A difference that could be used shows in the
medians; what is too small for this measure shows in the list of statements,
which has to be the same.
"""

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from server.services.accounts import Accounts
from server.services.hashing import Cost, Hasher
from server.storage.sqlite import SqliteEngine
from tests.helpers.accounts import AWAY, NO_LIMITS, Mailbox, a_log_in, a_sign_up, an_account, opened

SAMPLES: Final = 60
TRIES: Final = 6
KNOWN: Final = "anna@example.org"
UNKNOWN: Final = "bert@example.org"
THIEF: Final = "the thief's password"
HASH: Final[dict[str, Any]] = {"hash_memory": 4_096, "hash_passes": 2}
"About 3 ms a hash: enough to see whether one is missing."

Ask = Callable[[Accounts, str], Awaitable[object]]


def engine_of(accounts: Accounts) -> Engine:
    assert isinstance(accounts._parts.database, SqliteEngine)
    return accounts._parts.database._engine.sync_engine


def _log_in(accounts: Accounts, address: str) -> Awaitable[object]:
    return accounts.log_in(control.LogIn(id=1, email=address, password=THIEF), AWAY)


def _sign_up(accounts: Accounts, address: str) -> Awaitable[object]:
    return accounts.sign_up(a_sign_up(address, THIEF), AWAY)


def _resend(accounts: Accounts, address: str) -> Awaitable[object]:
    return accounts.resend_code(control.ResendCode(id=1, email=address), AWAY)


def _activate(accounts: Accounts, address: str) -> Awaitable[object]:
    return accounts.activate(control.Activate(id=1, email=address, code="12345x"), AWAY)


def _forgot(accounts: Accounts, address: str) -> Awaitable[object]:
    return accounts.passwords.forgot(control.ForgotPassword(id=1, email=address), AWAY)


def _reset(accounts: Accounts, address: str) -> Awaitable[object]:
    m = control.ResetPassword(id=1, email=address, code="12345x", password=THIEF)
    return accounts.passwords.reset(m, AWAY)


def _try(accounts: Accounts, address: str) -> Awaitable[object]:
    """A try of which the owner is told."""
    return accounts._parts._tell_of_tries(address)


async def seconds(accounts: Accounts, ask: Ask, address: str) -> float:
    began = time.perf_counter()
    try:
        await ask(accounts, address)
    except ServerRefused:
        pass
    return time.perf_counter() - began


@pytest.mark.asyncio
@pytest.mark.search
@pytest.mark.parametrize("ask", [_log_in, _sign_up, _resend, _activate, _forgot, _reset, _try])
async def test_time_does_not_tell_whether_an_address_has_an_account(tmp_path: Path, ask: Ask) -> None:
    async with opened(tmp_path, **NO_LIMITS, **HASH) as accounts:
        await an_account(accounts, Mailbox(tmp_path), KNOWN)
        seen = []
        for attempt in range(TRIES):  # a leak is there each time, and to the same side
            known: list[float] = []
            unknown: list[float] = []
            turns = [KNOWN, UNKNOWN] * SAMPLES
            random.Random(attempt).shuffle(turns)
            for address in turns:
                taken = await seconds(accounts, ask, address)
                (known if address == KNOWN else unknown).append(taken)
            first, second = statistics.median(known), statistics.median(unknown)
            seen.append((first - second) / min(first, second))
            if abs(seen[-1]) < 0.15 or seen[-1] * seen[0] < 0.0:  # a busy machine is neither
                return
        pytest.fail(f"the medians differ each time: {[f'{part:+.0%}' for part in seen]}")


@pytest.mark.asyncio
@pytest.mark.parametrize("ask", [_log_in, _sign_up, _resend, _activate, _forgot, _reset, _try])
async def test_every_address_takes_the_same_statements(tmp_path: Path, ask: Ask) -> None:
    ran: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "FROM outbox" not in statement and "UPDATE outbox" not in statement:  # the sender's own
            ran.append(statement)

    async with opened(tmp_path, **NO_LIMITS) as accounts:
        await an_account(accounts, Mailbox(tmp_path), KNOWN)
        event.listen(engine_of(accounts), "before_cursor_execute", note)
        lists = []
        for address in (KNOWN, UNKNOWN):
            ran.clear()
            await seconds(accounts, ask, address)
            lists.append([statement for statement in ran if not statement.startswith("BEGIN")])
        assert lists[0] == lists[1]
        assert len(lists[0]) >= 2


@pytest.mark.asyncio
@pytest.mark.parametrize("changed", [{"hash_memory": 64}, {"hash_passes": 2}, {}])
async def test_every_address_is_answered_alike_after_the_cost_of_hashes_was_changed(
    tmp_path: Path, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a sign-up from before and one from after, at an address with an account and at one without."""
    hashed: list[object] = []
    statements: list[str] = []
    real = Hasher.hash

    async def noted(self: Hasher, email: str, password: str, cost: Cost | None = None, **asker: Any) -> str:
        hashed.append(cost or self.cost)
        return await real(self, email, password, cost, **asker)

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "FROM outbox" not in statement and "UPDATE outbox" not in statement:  # the sender's own
            statements.append(statement)

    monkeypatch.setattr(Hasher, "hash", noted)
    before, after = "what was typed before", "what was typed after"
    async with opened(tmp_path, **NO_LIMITS) as accounts:
        await an_account(accounts, Mailbox(tmp_path), KNOWN)
        for address in (KNOWN, UNKNOWN):
            await accounts.sign_up(a_sign_up(address, before), AWAY)
    async with opened(tmp_path, **NO_LIMITS, **changed) as accounts:
        for address in (KNOWN, UNKNOWN):
            await accounts.sign_up(a_sign_up(address, after), AWAY)
        event.listen(engine_of(accounts), "before_cursor_execute", note)
        seen = []
        for address in (KNOWN, UNKNOWN, "nobody@example.org"):
            for password in (before, after, THIEF):
                hashed.clear()
                statements.clear()
                with pytest.raises(ServerRefused) as refused:
                    await accounts.log_in(control.LogIn(id=1, email=address, password=password), AWAY)
                ran = [statement for statement in statements if not statement.startswith("BEGIN")]
                seen.append((refused.value.code, list(hashed), ran))
        known, unknown, nobody = seen[:3], seen[3:6], seen[6:]
        assert known == unknown
        assert [code for code, _, _ in known] == [Code.NOT_ACTIVATED, Code.NOT_ACTIVATED, Code.WRONG_LOG_IN]
        assert {code for code, _, _ in nobody} == {Code.WRONG_LOG_IN}
        assert len({str((costs, ran)) for _, costs, ran in seen}) == 1
        assert len(seen[0][1]) == (2 if changed else 1)
        await a_log_in(accounts, KNOWN)


@pytest.mark.asyncio
async def test_the_measure_would_see_a_hash_too_few(tmp_path: Path) -> None:
    """The measure itself: an address that is refused before the hash stands out at once."""
    async with opened(tmp_path, **NO_LIMITS, **HASH) as accounts:
        known = [await seconds(accounts, _log_in, KNOWN) for _ in range(SAMPLES)]
        none = [await seconds(accounts, _log_in, "no address") for _ in range(SAMPLES)]
    assert statistics.median(known) > 2 * statistics.median(none)
