"""The program itself: a real server, and a headless client at each home, logged in for good."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from floater.core.meet.technique import HOURLY_SYNS, MAX_WAVE, MAX_WAVES
from tests.helpers.headless import PASSWORD, CommandRefused, Line, Person, Server
from tests.natlab.rows import IN_TIME, Outcome, Pair, Setting
from tests.natlab.scene import Host
from tests.natlab.town import Program, Town, skewed

OBSERVERS: Final = ((0, 3478), (0, 3479), (1, 443), (1, 3478), (1, 3479))
"Beside the main port: at which of the server's addresses, at which port."


class Floater(Program):
    """Joins two of its people."""

    name = "floater"

    def __init__(self, town: Town, people: dict[str, Person]) -> None:
        self._lab = town.lab
        self._people = people
        self._spent: Counter[str] = Counter()
        "SYNs of waves that each may have sent since it was started."

    @classmethod
    @asynccontextmanager
    async def settled(cls, town: Town, folder: Path) -> AsyncIterator["Floater"]:
        """Start the server and everybody, and let them log in."""
        places = [f"{town.server.addresses[at]}:{port}" for at, port in OBSERVERS]
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                Server(
                    folder / "server",
                    *(word for place in places for word in ("--stun", place)),
                    listen=f"{town.server.address}:443",
                    prefix=town.server.prefix,
                )
            )
            people = {}
            for host in town.homes.values():
                person = Person(server, folder / host.name, prefix=host.prefix)
                people[host.name] = await stack.enter_async_context(person)
            for name, person in people.items():
                await person.sign_up_and_log_in(address_of(name), name)
            yield cls(town, people)

    async def join(self, pair: Pair, one: Host, other: Host, setting: Setting) -> Outcome:
        """Let both press, wait for a direct way where there can be one, talk, and hang up."""
        both = self._people[one.name], self._people[other.name]
        if pair.is_guessed:
            await asyncio.gather(*(self._spend(host.name) for host in (one, other)))
        marks = [len(person.everything) for person in both]
        usable: float | None = None
        reason = ""
        try:
            with skewed(self._lab, one, other, setting):
                await asyncio.gather(*(person.do("seek") for person in both))
                await asyncio.gather(*(person.event("matched") for person in both))
            began = time.monotonic()
            await _talk(*both)
            usable = time.monotonic() - began
            if pair.can_be_direct:
                patience = max(0.0, IN_TIME + abs(setting.skew) + began - time.monotonic())
                with suppress(AssertionError):
                    await asyncio.gather(
                        *(_is_direct(*each, patience) for each in zip(both, marks, strict=True))
                    )
                reason = await _why(both)
        except (AssertionError, CommandRefused) as error:
            reason = str(error).partition("\n")[0]
        told = [_first_match(person.everything[mark:]) for person, mark in zip(both, marks, strict=True)]
        for person in both:
            try:
                await _go_home(person)
            except AssertionError as error:
                reason = reason or str(error).partition("\n")[0]
        direct = _both([_taken(lines, relay=False) for lines in told])
        # The leader, a TLS client, has verified the follower before it can be verified itself: the earlier of
        # both receipts, which is the follower's, is of the moment in which both have.
        proved = min((at for lines in told if (at := _proved(lines)) is not None), default=None)
        return Outcome(
            usable=usable and round(usable, 4),
            relay=_both([_taken(lines, relay=True) for lines in told]),
            direct=direct,
            proved=proved,
            how="/".join(_last_how(lines) for lines in told),
            reason="; ".join(filter(None, (reason, *_codes(told)))) if direct is None else "",
        )

    async def _spend(self, name: str) -> None:
        """Start a client anew before its allowance of an hour is spent: nobody meets so many in one."""
        self._spent[name] += MAX_WAVE * MAX_WAVES
        if self._spent[name] <= HOURLY_SYNS:
            return
        self._spent[name] = MAX_WAVE * MAX_WAVES
        person = self._people[name]
        await person.end()
        person.forget()
        await person.start()
        await person.do("log_in", email=address_of(name), password=PASSWORD)
        await person.event("state", state="home")


def address_of(name: str) -> str:
    """The e-mail address of whoever lives at a host."""
    return f"{name}@example.org"


async def _talk(one: Person, other: Person) -> None:
    """Greet, and say a word each way."""
    both = ((one, other), (other, one))
    await asyncio.gather(*(person.event("state", state="greeting") for person, _ in both))
    await asyncio.gather(*(person.do("greet") for person, _ in both))
    await asyncio.gather(*(person.event("state", state="talking") for person, _ in both))
    sent = await asyncio.gather(*(person.do("send_text", text="漂") for person, _ in both))
    for (person, peer), reply in zip(both, sent, strict=True):
        await peer.event("text", text="漂")
        await person.event("delivered", message_id=reply["message_id"])


async def _is_direct(person: Person, mark: int, within: float) -> None:
    """Wait until the newest way is not the relay's; not by `event`, which would use it up."""

    def find() -> Line | None:
        ways = [line for line in person.everything[mark:] if line.get("event") == "path"]
        return ways[-1] if ways and ways[-1]["kind"] != "relay" else None

    await person.until(find, "a direct path", within)


async def _go_home(person: Person) -> None:
    """Part, wherever the person stands."""

    def state() -> str:
        states = [line["state"] for line in person.everything if line.get("event") == "state"]
        return str(states[-1])

    if state() != "home":
        with suppress(CommandRefused):
            await person.do("cancel_seek" if state() == "seeking" else "hang_up")
    await person.until(lambda: {} if state() == "home" else None, "home", 40.0)
    person.forget()


async def _why(both: Iterable[Person]) -> str:
    """Why the talk goes over the relay, if it does, as both receipts say it."""
    found = []
    for person in both:
        told = (await person.do("receipt"))["receipt"] or {}
        if "why_relay" in told:
            found.append(f"{told['why_relay']} after {told['technique']}")
    return " / ".join(dict.fromkeys(found))


def _first_match(lines: list[Line]) -> list[Line]:
    """What came before the person was matched again, because nobody had come."""
    found = [at for at, line in enumerate(lines) if line.get("event") == "matched"]
    return lines[: found[1]] if len(found) > 1 else lines


def _taken(lines: list[Line], *, relay: bool) -> float | None:
    """When a way with or without relay was first taken, in seconds since `matched`."""
    times = [
        line["took_ms"] / 1e3
        for line in lines
        if line.get("event") == "path" and (line["kind"] == "relay") is relay
    ]
    return min(times, default=None)


def _proved(lines: list[Line]) -> float | None:
    """When both had proved who they are on the first way without a relay, in seconds since `matched`."""
    ways = [line for line in lines if line.get("event") == "path" and line["kind"] != "relay"]
    return ways[0]["receipt"]["proved_ms"] / 1e3 if ways else None


def _last_how(lines: list[Line]) -> str:
    return next((str(line["how"]) for line in reversed(lines) if line.get("event") == "path"), "–")


def _both(times: list[float | None]) -> float | None:
    found = [at for at in times if at is not None]
    return round(max(found), 4) if len(found) == len(times) else None


def _codes(told: list[list[Line]]) -> list[str]:
    """The codes that either side was shown, and how the talk ended if nobody meant it to."""
    found = []
    for line in (line for lines in told for line in lines):
        match line.get("event"):
            case "notice":
                found.append(str(line["code"]))
            case "ended":
                found.append(str(line["reason"]))
    return list(dict.fromkeys(found))
