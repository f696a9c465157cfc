"""`floater demo --terminal`: play two people in this terminal, side by side, from sign-up to hang-up.

The programs are the real ones: `floater-server` and two `floater headless`, each
a process, on loopback, in a folder that is deleted at the end.
"""

import asyncio
import email
import email.policy
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from floater.cli.played import PATIENCE, Line, NotAsPlanned, Played
from floater.cli.stage import Stage, moon
from floater.languages import choose_language
from floater.sentences import sentence

PASSWORD: Final = "a boat adrift at night"


class Person:
    """One of the two people, and the column."""

    def __init__(self, stage: Stage, column: int, name: str, address: str, url: str, folder: Path) -> None:
        self.name = name
        self.address = address
        self.folder = folder / address.partition("@")[0]
        self.folder.mkdir()
        self._stage = stage
        self._column = column
        argv = [sys.executable, "-m", "floater", "headless", "--server", url, "--data-dir", str(self.folder)]
        self.program = Played(address.partition("@")[0], argv, folder, self._see)

    def show(self, key: str, **values: object) -> None:
        """Print what this person does."""
        self._stage.show(self._column, f"▸ {self._stage.say(key, **values)}")

    async def do(self, command: str, **fields: Any) -> Line:
        """Send a command that must succeed."""
        reply = await self.program.do(command, **fields)
        if not reply["ok"]:
            raise NotAsPlanned(f"{self.name}: {command}: {reply['error']['message']}")
        return reply

    async def is_refused(self, command: str, code: str, **fields: Any) -> None:
        """Send a command that must be refused, and print the reason."""
        reply = await self.program.do(command, **fields)
        if reply["ok"] or reply["error"]["code"] != code:
            raise NotAsPlanned(f"{self.name}: {command} should have been refused with {code}: {reply}")
        self._stage.show(self._column, f"✗ {reply['error']['message']}")

    def _see(self, event: Line) -> None:
        if (text := self._words(event)) is not None:
            self._stage.show(self._column, f"◂ {text}")

    def _words(self, event: Line) -> str | None:
        say, language = self._stage.say, self._stage.language
        match event["event"]:
            case "state":
                return f"[{sentence('state.' + event['state'], language)}]"
            case "matched":
                return say("matched", name=event["peer"]["username"])
            case "path":
                kind = sentence(f"path.{event['kind']}", language)
                return say("path", kind=kind, ms=round(event["took_ms"]))
            case "peer_greeted":
                return f"「{event['greeting']}」"
            case "text":
                return f"「{event['text']}」"
            case "delivered":
                return say("delivered")
            case "offer":
                kind, size = event["content_type"], event["size"]
                return say("offer", name=event["name"], kind=kind, size=f"{size:,}")
            case "received":
                return say("received", digest=event["digest"][:19])
            case "sent":
                return say("sent")
            case "ended":
                return sentence(f"ended.{event['reason']}", language)
            case "failed":
                return str(event["error"]["message"])
            case "notice":
                return str(event["message"])
        return None


async def play_in_terminal(language: str) -> int:
    """Play the demo and return the exit code: 0 if every step succeeded."""
    chosen = choose_language(language)
    stage = Stage(chosen, ("安 (An)", "Bob"))
    with tempfile.TemporaryDirectory(prefix="floater-demo-") as folder:
        playing: list[Played] = []
        try:
            await _play(stage, Path(folder), playing)
        except NotAsPlanned as error:
            stage.fail(str(error))
            return 1
        finally:
            await asyncio.gather(*(program.clean_up() for program in playing))
    return 0


async def _play(stage: Stage, folder: Path, playing: list[Played]) -> None:
    environment = {
        **os.environ,
        "FLOATER_PROXY": "none",  # the server is on this computer
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "LANG": "zh_CN.UTF-8" if stage.language.startswith("zh") else "en_US.UTF-8",
    }
    outbox = folder / "mails"
    argv = [sys.executable, "-m", "server", "run", "--data-dir", str(folder / "server")]
    argv += ["--listen", "127.0.0.1:0", "--mail-outbox", str(outbox)]
    server = Played("server", argv, folder, lambda event: None)
    playing.append(server)
    await server.start(environment)
    url = str((await server.event("ready"))["url"])
    stage.title(stage.say("server", url=url))
    stage.heads()

    an = Person(stage, 0, "安", "an@example.org", url, folder)
    bob = Person(stage, 1, "Bob", "bob@example.org", url, folder)
    playing += [an.program, bob.program]
    for person in (an, bob):
        await person.program.start(environment)
        await person.program.event("ready")
        await person.do("set", language=stage.language)

    for person in (an, bob):
        await _sign_up(person, outbox)
        await stage.breathe()
    took = await _meet(an, bob)
    await stage.breathe()
    await _greet(an, bob)
    await stage.breathe()
    await _talk(an, bob)
    await stage.breathe()
    await _send_picture(an, bob, folder)
    await stage.breathe()
    await _hang_up(an, bob)

    for program in (an.program, bob.program, server):
        if code := await program.end():
            raise NotAsPlanned(f"{program.name}: exit code {code}\n{program.log_tail()}")
    stage.title(stage.say("done", ms=round(took * 1_000)))


async def _sign_up(person: Person, outbox: Path) -> None:
    person.show("signs_up", address=person.address)
    account = {"email": person.address, "password": PASSWORD}
    await person.do("sign_up", username=person.name, adult=True, **account)
    code = await _mailed_code(outbox, person.address)
    person.show("mail", code=code)
    await person.do("activate", email=person.address, code=code)
    person.show("logs_in")
    await person.do("log_in", **account)
    await person.program.event("state", state="home")


async def _meet(an: Person, bob: Person) -> float:
    """Let both press 聊一聊; return the seconds until both can greet."""
    began = time.monotonic()
    for person in (an, bob):
        person.show("seeks")
    await asyncio.gather(an.do("seek"), bob.do("seek"))
    await asyncio.gather(*(person.program.event("state", state="greeting") for person in (an, bob)))
    return time.monotonic() - began


async def _greet(an: Person, bob: Person) -> None:
    an.show("says_early")
    await an.is_refused("send_text", "not_greeted", text="…")
    for person, other, language, words in ((an, bob, "zh", "你好"), (bob, an, "en", "Hello")):
        person.show("says", text=words)
        await person.do("greet", language=language)
        await other.program.event("peer_greeted")
    await asyncio.gather(*(person.program.event("state", state="talking") for person in (an, bob)))


async def _talk(an: Person, bob: Person) -> None:
    for person, other, text in (
        (an, bob, "你那边现在是几点？我这里下着小雨。"),
        (bob, an, "Nine in the morning, and the sea is calm. 海很静。"),
    ):
        person.show("says", text=text)
        message = await person.do("send_text", text=text)
        heard = await other.program.event("text")
        _check(heard["text"] == text, "the text arrived as another one")
        await person.program.event("delivered", message_id=message["message_id"])


async def _send_picture(an: Person, bob: Person, folder: Path) -> None:
    picture = folder / "moon.png"
    picture.write_bytes(moon())
    an.show("offers", name=picture.name)
    await an.do("send_file", path=str(picture))
    offer = await bob.program.event("offer")
    bob.show("accepts")
    await bob.do("accept", transfer_id=offer["transfer_id"], to=str(bob.folder))
    received = await bob.program.event("received", transfer_id=offer["transfer_id"])
    await an.program.event("sent")
    same = Path(received["path"]).read_bytes() == picture.read_bytes()
    _check(same, "the picture arrived as another one")
    bob.show("same", digest=received["digest"][:19])


async def _hang_up(an: Person, bob: Person) -> None:
    an.show("hangs_up")
    await an.do("hang_up")
    await asyncio.gather(
        an.program.event("ended", reason="you_hung_up"), bob.program.event("ended", reason="peer_hung_up")
    )
    await asyncio.gather(*(person.program.event("state", state="home") for person in (an, bob)))


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise NotAsPlanned(what)


async def _mailed_code(outbox: Path, address: str) -> str:
    """Wait for the mail and return its six digits."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for path in outbox.glob("*.eml"):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = mail.get_body(("plain",))
            if body is not None and address in str(mail["To"]):
                found = re.search(r"^(\d{6})\s*$", body.get_content(), re.MULTILINE)
                if found:
                    return found[1]
        await asyncio.sleep(0.02)  # there is no event for a new file
    raise NotAsPlanned(f"no mail for {address}")
