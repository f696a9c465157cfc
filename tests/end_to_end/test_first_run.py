"""The first minutes with nothing but this program: hosting, joining, practising, and how a talk ends."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.helpers.digests import told_digest
from tests.helpers.headless import PASSWORD, Line, Person, Server, greet, meet


async def sign_up_by_the_mail_that_is_shown(person: Person, address: str, username: str) -> None:
    """Go from nothing to `home` with the mail that the client itself tells of."""
    await person.do("sign_up", email=address, username=username, password=PASSWORD, adult=True)
    mail = await person.event("mailed")
    assert mail["to"] == address
    await person.do("activate", email=address, code=mail["code"])
    await person.do("log_in", email=address, password=PASSWORD)
    await person.event("state", state="home")


def temporary(folder: Path) -> dict[str, str]:
    """An environment whose temporary files go into a folder of the test."""
    folder.mkdir()
    return {"TMPDIR": str(folder)}


@pytest.mark.asyncio
async def test_one_hosts_the_other_joins_and_they_talk(tmp_path: Path) -> None:
    async with Person(None, tmp_path / "ann") as ann, Person(None, tmp_path / "bob") as bob:
        assert await ann.refusal("sign_up", email="a@b.cn", username="A", password=PASSWORD, adult=True) == (
            "server_url_invalid"
        )
        hosted = await ann.do("host_here")
        assert await ann.do("host_here") | {"reply": 0} == hosted | {"reply": 0}
        assert hosted["qr"].startswith("<svg")
        assert Path(hosted["outbox"]).is_relative_to(tmp_path / "ann" / "server")
        status = await ann.do("status")
        assert (status["server"], status["online"]) == (hosted["server"], True)
        await sign_up_by_the_mail_that_is_shown(ann, "ann@example.org", "Ann")

        assert (await bob.do("use_server", url=hosted["server"]))["server"] == hosted["server"]
        await bob.do("sign_up", email="bob@example.org", username="Bob", password=PASSWORD, adult=True)
        mails = Server(tmp_path / "ann" / "server")
        await bob.do("activate", email="bob@example.org", code=await mails.mailed_code("bob@example.org"))
        await bob.do("log_in", email="bob@example.org", password=PASSWORD)
        await bob.event("state", state="home")
        assert [line for line in bob.everything if line.get("event") == "mailed"] == []
        await meet(ann, bob)
        await greet(ann, bob)
        await ann.do("quit")
        assert await ann.exited() == 0
        assert (await bob.event("ended"))["reason"] == "peer_hung_up"
        await bob.event("online", online=False)


@pytest.mark.asyncio
async def test_with_the_mail_folder_given_the_code_is_told_and_without_it_is_not(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server:
        folder = ("--mail-folder", str(server.outbox))
        async with Person(server, tmp_path / "ann", *folder) as ann, Person(server, tmp_path / "bob") as bob:
            await bob.sign_up_and_log_in("bob@example.org", "Bob")
            await sign_up_by_the_mail_that_is_shown(ann, "ann@example.org", "Ann")
            assert await ann.refusal("forgot_password", email="nobody") == "bad_email"
            told = [line for line in bob.everything if line.get("event") == "mailed"]
            assert told == []


@asynccontextmanager
async def practising(folder: Path) -> AsyncIterator[Person]:
    """Somebody at home in a practice, whose temporary files go to `folder / "tmp"`."""
    async with Person(None, folder / "ann", env=temporary(folder / "tmp")) as ann:
        await ann.do("practise")
        await ann.event("state", state="home")
        assert (await ann.do("status"))["practising"]
        yield ann


@pytest.mark.timeout(240)
@pytest.mark.asyncio
async def test_practising_is_a_whole_talk_and_can_be_done_again(tmp_path: Path) -> None:
    async with practising(tmp_path) as ann:
        for turn in ("first", "second"):
            await ann.do("seek")
            await ann.event("state", state="greeting")
            assert (await ann.do("status"))["path"] in ("lan", "direct")
            await ann.do("greet")
            await ann.event("state", state="talking")
            heard: list[str] = []
            for number in range(3):
                heard.append((await ann.event("text"))["text"])
                said = await ann.do("send_text", text=f"{turn} {number}")
                await ann.event("delivered", message_id=said["message_id"])
            assert len(set(heard)) == 3
            offer = await ann.event("offer")
            await ann.do("accept", transfer_id=offer["transfer_id"], to=str(tmp_path))
            received = await ann.event("received")
            content = Path(received["path"]).read_bytes()
            assert (len(content), told_digest(content)) == (offer["size"], received["digest"])
            await ann.do("hang_up")
            await ann.event("ended", reason="you_hung_up")
            await ann.event("state", state="home")
        await ann.do("log_out")
        status = await ann.do("status")
        assert (status["state"], status["server"], status["practising"]) == ("signed_out", "", False)
        assert list((tmp_path / "tmp").iterdir()) == []
        assert await ann.end() == 0


@pytest.mark.parametrize("how", ["signal", "end of input"])
@pytest.mark.asyncio
async def test_leaving_a_practice_leaves_nothing(tmp_path: Path, how: str) -> None:
    async with practising(tmp_path) as ann:
        await ann.do("seek")
        await ann.event("state", state="greeting")
        if how == "signal":
            os.kill(ann.process.pid, signal.SIGTERM)
        assert await (ann.exited() if how == "signal" else ann.end()) == 0
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (
        sorted(
            path.name for path in (tmp_path / "ann").iterdir() if path.name not in ("settings.json", "lock")
        )
        == []
    )


@pytest.mark.asyncio
async def test_nothing_of_a_talk_is_told_after_it_ended(tmp_path: Path) -> None:
    late = {"delivered", "undelivered", "sent", "received", "failed", "progress", "text", "peer_away", "path"}
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(60_000_000))
    async with Server(tmp_path / "server", "--goodbye-jitter", "0") as server:
        async with Person(server, tmp_path / "ann") as ann, Person(server, tmp_path / "bob") as bob:
            for person, name in ((ann, "Ann"), (bob, "Bob")):
                await person.sign_up_and_log_in(f"{name.lower()}@example.org", name)
            await meet(ann, bob)
            await greet(ann, bob)
            await ann.do("send_file", path=str(large))
            offer = await bob.event("offer")
            await bob.do("accept", transfer_id=offer["transfer_id"], to=str(tmp_path / "bob"))
            await ann.event("progress")
            await bob.do("pause", transfer_id=offer["transfer_id"])  # it must not be whole too early
            said: list[Line] = [await ann.do("send_text", text=f"word {n}") for n in range(50)]
            await ann.do("hang_up")
            await bob.event("ended", reason="peer_hung_up")
            assert await ann.end() == 0  # after all last words
            for person, ids in ((ann, [line["message_id"] for line in said]), (bob, [])):
                events = [line for line in person.everything if "event" in line]
                ended = next(at for at, line in enumerate(events) if line["event"] == "ended")
                assert [line for line in events[ended:] if line["event"] in late] == []
                fates = [
                    line["message_id"] for line in events if line["event"] in ("delivered", "undelivered")
                ]
                assert sorted(fates) == sorted(ids), "every text has exactly one outcome"
                (failed,) = (line for line in events if line["event"] == "failed")
                assert failed["error"]["code"] == "talk_ended"
            assert [line["text"] for line in bob.everything if line.get("event") == "text"] == [
                f"word {n}" for n in range(50)
            ]
