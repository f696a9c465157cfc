"""Real programs at the other end of JSON lines: a server, and people in headless clients.

async with Server(tmp_path / "server") as server, Person(server, tmp_path / "a") as ann:
    await ann.sign_up_and_log_in("ann@example.org", "Ann")
    await ann.do("seek")
    await ann.event("matched")
"""

import asyncio
import email
import email.policy
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

DEADLINE: Final = 20.0
"Seconds that any reply or event may take unless the call says otherwise."
PASSWORD: Final = "correct horse battery staple"

ROOT_VARIABLE: Final = "FLOATER_TEST_ROOT"
"Of the environment: the checkout whose programs are started, where it is not this one."

_ROOT: Final = Path(__file__).parents[2]

Line = dict[str, Any]


class CommandRefused(Exception):
    """The reply was not ok; `code` says why."""

    def __init__(self, command: str, error: Line) -> None:
        super().__init__(f"{command}: {error}")
        self.code: str = error["code"]
        self.message: str = error["message"]


class Program:
    """A subprocess that speaks JSON lines. Its log goes to a file, shown when something fails to come."""

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.argv = [*prefix, *argv]
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self.unseen: list[Line] = []
        "Events that no `event` call has returned yet, oldest first."
        self.everything: list[Line] = []
        "Every line that ever came, replies too."
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._arrived = asyncio.Condition()
        self._ended = False

    async def start(self) -> Self:
        """Start it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._env,
                cwd=self._env.get(ROOT_VARIABLE, _ROOT),
                limit=1 << 24,
                start_new_session=True,
            )
        self._ended = False
        self._reader = asyncio.get_running_loop().create_task(self._read())
        return self

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running process."""
        assert self._process is not None, "not started"
        return self._process

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            async with self._arrived:
                self.everything.append(message)
                if "event" in message:
                    self.unseen.append(message)
                self._arrived.notify_all()
        async with self._arrived:
            self._ended = True
            self._arrived.notify_all()

    async def write(self, line: str) -> None:
        """Write one line as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        with suppress(ConnectionError):  # it has ended; the wait for the answer reports it
            await self.process.stdin.drain()

    async def until(self, find: Callable[[], Line | None], what: str, within: float = DEADLINE) -> Line:
        """Wait until `find`, asked again after every line, returns something."""
        try:
            async with asyncio.timeout(within), self._arrived:
                while (found := find()) is None:
                    if self._ended:
                        raise AssertionError(f"{what} never came: the program has ended.\n{self.story()}")
                    await self._arrived.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{what} did not come within {within} s.\n{self.story()}") from None

    async def event(self, name: str, *, within: float = DEADLINE, **fields: Any) -> Line:
        """Wait for an event with these fields. It and earlier ones of its name count as seen then."""

        def find() -> Line | None:
            for at, event in enumerate(self.unseen):
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    later = self.unseen[at + 1 :]
                    earlier = [old for old in self.unseen[:at] if old["event"] != name]
                    self.unseen[:] = earlier + later
                    return event
            return None

        return await self.until(find, f"event {name} {fields or ''}", within)

    def forget(self) -> None:
        """Count all events that have come as seen."""
        self.unseen.clear()

    async def stop_reading(self) -> None:
        """Close our end of its output."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        transport = getattr(self.process, "_transport").get_pipe_transport(1)  # noqa: B009  # no public way
        pipe = transport.get_extra_info("pipe")
        transport.close()
        while not pipe.closed:  # a turn of the loop later; what is written before would still count as read
            await asyncio.sleep(0)

    def kill(self) -> None:
        """End it at once, with no chance to say goodbye."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def end(self, within: float = DEADLINE) -> int:
        """Close its input, wait until it exits, and return its code."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return await self.exited(within)

    async def exited(self, within: float = DEADLINE) -> int:
        """Wait until it exits by itself and return its code."""
        try:
            async with asyncio.timeout(within):
                code = await self.process.wait()
                if self._reader is not None:
                    await self._reader
        except TimeoutError:
            self.kill()
            raise AssertionError(f"did not exit within {within} s.\n{self.story()}") from None
        return code

    def story(self) -> str:
        """What came and what was logged, for a failing test."""
        lines = "\n".join(json.dumps(line, ensure_ascii=False) for line in self.everything[-40:])
        log = self.log.read_text(errors="replace")[-6_000:] if self.log.exists() else ""
        return f"--- {' '.join(self.argv)}\n{lines}\n--- log\n{log}"

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.clean_up()

    async def clean_up(self) -> None:
        """End it if it still runs, in whatever state."""
        if self._process is not None and self._process.returncode is None:
            self.kill()
            await self._process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


class Server(Program):
    """`floater-server run` on a folder. `url` is known once `async with` has entered."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        listen: str = "127.0.0.1:0",
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.outbox = data_dir / "outbox"
        self.url = ""
        argv = [sys.executable, "-m", "server", "run", "--data-dir", str(data_dir), "--listen", listen]
        argv += ["--mail-outbox", str(self.outbox), *options]
        super().__init__(argv, data_dir.parent / f"{data_dir.name}.log", prefix=prefix, env=env)

    async def start(self) -> Self:
        """Start it and wait until it accepts connections."""
        await super().start()
        self.url = (await self.event("ready"))["url"]
        return self

    def stop(self) -> None:
        """Ask it to say goodbye and exit."""
        if self.process.returncode is None:
            os.kill(self.process.pid, signal.SIGTERM)  # send_signal() would reap it before wait()

    def code_for(self, address: str) -> str | None:
        """The code of the newest mail to `address`; None if there is none."""
        if not self.outbox.is_dir():
            return None
        newest: tuple[float, str] | None = None
        for path in self.outbox.glob("*.eml"):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = mail.get_body(("plain",))
            if body is None or address not in str(mail["To"]):
                continue
            found = re.search(r"^(\d{6}|[0-9A-HJKMNP-TV-Z]{8})\s*$", body.get_content(), re.MULTILINE)
            if found and (newest is None or path.stat().st_mtime >= newest[0]):
                newest = (path.stat().st_mtime, found[1])
        return newest[1] if newest else None

    async def mailed_code(
        self, address: str, *, other_than: str | None = None, within: float = DEADLINE
    ) -> str:
        """Wait for a mail to `address` whose code is not `other_than`, and return its code."""
        async with asyncio.timeout(within):
            while (code := self.code_for(address)) is None or code == other_than:
                await asyncio.sleep(0.02)  # a folder cannot be awaited
            return code


class Person(Program):
    """`floater headless` of one person."""

    def __init__(
        self,
        server: Server | str | None,
        data_dir: Path,
        *options: str,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.server = server
        self._ids = 0
        argv = [sys.executable, "-m", "floater", "headless", "--data-dir", str(data_dir), "--log", "debug"]
        if server is not None:
            argv += ["--server", server if isinstance(server, str) else server.url]
        # No test may touch the keyring of the person who runs it.
        quiet = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        log = data_dir.parent / f"{data_dir.name}.log"
        super().__init__([*argv, *options], log, prefix=prefix, env={**quiet, **(env or {})})

    async def do(self, command: str, *, within: float = DEADLINE, **fields: Any) -> Line:
        """Give a command and return its reply.

        Raises:
            CommandRefused: the reply was not ok.
        """
        reply = await self.ask(command, within=within, **fields)
        if not reply["ok"]:
            raise CommandRefused(command, reply["error"])
        return reply

    async def ask(self, command: str, *, within: float = DEADLINE, **fields: Any) -> Line:
        """Give a command and return its reply, ok or not."""
        self._ids += 1
        number = self._ids
        await self.write(json.dumps({"command": command, "id": number, **fields}))

        def find() -> Line | None:
            return next((line for line in reversed(self.everything) if line.get("reply", 0) == number), None)

        return await self.until(find, f"reply to {command}", within)

    async def refusal(self, command: str, **fields: Any) -> str:
        """Give a command that has to be refused, and return the code."""
        reply = await self.ask(command, **fields)
        assert not reply["ok"], reply
        assert reply["error"]["message"], "every error has its sentence"
        return str(reply["error"]["code"])

    async def sign_up_and_log_in(self, address: str, username: str, password: str = PASSWORD) -> None:
        """Go from nothing to `home`, by way of the activation mail."""
        assert isinstance(self.server, Server)
        await self.do("sign_up", email=address, username=username, password=password, adult=True)
        code = await self.server.mailed_code(address)
        await self.do("activate", email=address, code=code)
        await self.do("log_in", email=address, password=password)
        await self.event("state", state="home")


def events(person: Person, name: str) -> list[Line]:
    """All events of a name that a person was told."""
    return [line for line in person.everything if line.get("event") == name]


async def meet(ann: Person, bob: Person, *, within: float = DEADLINE) -> tuple[Line, Line]:
    """Let two people at home press 聊一聊 and wait until both may greet. Returns their `path` events."""
    await asyncio.gather(ann.do("seek"), bob.do("seek"))
    await asyncio.gather(*(person.event("state", state="greeting", within=within) for person in (ann, bob)))
    paths = await asyncio.gather(*(person.event("path", within=within) for person in (ann, bob)))
    return paths[0], paths[1]


async def greet(ann: Person, bob: Person, *, within: float = DEADLINE) -> None:
    """Let both greet and wait until both may talk."""
    await asyncio.gather(ann.do("greet"), bob.do("greet"))
    await asyncio.gather(*(person.event("state", state="talking", within=within) for person in (ann, bob)))
