"""Real programs on one computer: a server and headless people, from the sign-up mail to the last word."""

import asyncio
import json
import os
import random
import re
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.digests import told_digest
from tests.helpers.headless import PASSWORD, CommandRefused, Line, Person, Server, greet, meet

GRACE = 1.0
HASTE = {"FLOATER_GRACE": str(GRACE), "FLOATER_RETRY_FIRST": "0.1", "FLOATER_RETRY_LAST": "0.5"}


@dataclass
class House:
    """A server and a folder to put people into."""

    server: Server
    folder: Path
    stack: AsyncExitStack

    def person(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> Person:
        """A client that does not run yet."""
        return Person(self.server, self.folder / name, *options, env={**HASTE, **(env or {})})

    async def enter(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> Person:
        """A client that runs."""
        return await self.stack.enter_async_context(self.person(name, *options, env=env))

    async def at_home(self, name: str, *, env: Mapping[str, str] | None = None) -> Person:
        """Somebody who has signed up and logged in."""
        person = await self.enter(name, env=env)
        await person.sign_up_and_log_in(f"{name}@example.org", name.title())
        await person.do("set", downloads=str(self.downloads(name)))
        return person

    def downloads(self, name: str) -> Path:
        """Where somebody keeps what they accepted."""
        folder = self.folder / f"{name} downloads"
        folder.mkdir(exist_ok=True)
        return folder

    async def pair(self, *, env: Mapping[str, str] | None = None) -> tuple[Person, Person]:
        """Ann and Bob, at home."""
        ann, bob = await asyncio.gather(self.at_home("ann", env=env), self.at_home("bob", env=env))
        return ann, bob

    async def talking(self, *, env: Mapping[str, str] | None = None) -> tuple[Person, Person]:
        """Ann and Bob, talking."""
        ann, bob = await self.pair(env=env)
        await meet(ann, bob)
        await greet(ann, bob)
        return ann, bob


@asynccontextmanager
async def house(tmp_path: Path, *options: str) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            Server(tmp_path / "server", "--goodbye-jitter", "0", *options, listen=lasting_place())
        )
        yield House(server, tmp_path, stack)


def lasting_place() -> str:
    """A free place on loopback that nobody is given while the server is away: below the kernel's own."""
    while True:
        with socket.socket() as probe:
            with suppress(OSError):
                probe.bind(("127.0.0.1", random.randint(20_000, 32_000)))
                return "{}:{}".format(*probe.getsockname())


def some_file(folder: Path, name: str, size: int) -> tuple[Path, str]:
    """A file of random bytes and its SHA-256."""
    folder.mkdir(exist_ok=True)
    content = random.Random(size).randbytes(size)
    (folder / name).write_bytes(content)
    return folder / name, told_digest(content)


# -- the main job -------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_two_strangers_meet_talk_and_part(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        seen_by_ann, seen_by_bob = await meet(ann, bob)
        assert seen_by_ann["kind"] in ("lan", "direct")
        assert seen_by_bob["kind"] in ("lan", "direct")
        assert 0 < seen_by_ann["took_ms"] < 5_000
        matched = await ann.event("matched")
        assert matched["peer"] == {"username": "Bob"}
        assert (await bob.event("matched"))["match_id"] == matched["match_id"]

        assert await ann.refusal("send_text", text="too early") == "not_greeted"
        await ann.do("greet")
        assert await ann.refusal("greet") == "already_greeted"
        assert await ann.refusal("send_text", text="still too early") == "not_greeted"
        assert (await bob.event("peer_greeted"))["greeting"]
        await bob.do("greet", language="zh")
        assert (await ann.event("peer_greeted"))["greeting"] == "你好"
        for person in (ann, bob):
            await person.event("state", state="talking")

        for text in ("你好 👋", "  spaces stay  ", "x" * 65_536):
            sent = await ann.do("send_text", text=text)
            assert (await bob.event("text"))["text"] == text
            await ann.event("delivered", message_id=sent["message_id"])
        assert await ann.refusal("send_text", text="x" * 65_537) == "text_too_long"
        assert await ann.refusal("send_text", text="") == "text_empty"
        await bob.do("typing", typing=True)
        await ann.event("peer_typing", typing=True)

        status = await ann.do("status")
        assert (status["state"], status["username"]) == ("talking", "Ann")
        (talk,) = status["talks"]
        assert (talk["talk"], talk["kind"], talk["name"]) == (matched["talk"], "stranger", "Bob")
        assert (talk["standing"], talk["unread"]) == ("open", 0)
        assert (talk["greeted"], talk["peer_greeted"]) == (True, True)
        assert (await ann.do("talks"))["talks"] == [talk]
        assert status["path"] == seen_by_ann["kind"] or status["path"] == "lan"
        history = [entry["happened"]["event"] for entry in (await ann.do("history"))["events"]]
        assert history[0] == "matched"
        assert history.count("said") == 3

        await ann.do("hang_up")
        assert (await ann.event("ended"))["reason"] == "you_hung_up"
        assert (await bob.event("ended"))["reason"] == "peer_hung_up"
        for person in (ann, bob):
            await person.event("state", state="home")
            assert await person.refusal("send_text", text="anybody?") == "no_talk"
            assert (await person.do("history"))["events"] == []
        assert await ann.end() == 0
        assert await bob.end() == 0
        at.server.stop()
        assert await at.server.exited() == 0


@pytest.mark.asyncio
async def test_the_same_two_can_meet_again_and_again(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        for turn in range(3):
            await meet(ann, bob)
            await greet(ann, bob)
            ender, other = (ann, bob) if turn % 2 else (bob, ann)
            await ender.do("hang_up")
            await other.event("ended", reason="peer_hung_up")
            await other.event("state", state="home")
            for person in (ann, bob):
                person.forget()


@pytest.mark.asyncio
async def test_both_hang_up_at_once_and_both_are_home(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        replies = await asyncio.gather(ann.ask("hang_up"), bob.ask("hang_up"))
        for person, reply in zip((ann, bob), replies, strict=True):
            assert reply["ok"] or reply["error"]["code"] == "no_talk"
            assert (await person.event("ended"))["reason"] in ("you_hung_up", "peer_hung_up")
            await person.event("state", state="home")
        await meet(ann, bob)
        assert [line["event"] for line in ann.everything if line.get("event") == "ended"] == ["ended"]


# -- files --------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_file_arrives_with_the_same_digest(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        path, digest = some_file(tmp_path / "files", "半个世界.bin", 5_000_000)
        sent = await ann.do("send_file", path=str(path))
        offer = await bob.event("offer")
        assert (offer["name"], offer["size"]) == ("半个世界.bin", 5_000_000)
        assert list(at.downloads("bob").iterdir()) == []
        await bob.do("accept", transfer_id=offer["transfer_id"])
        received = await bob.event("received")
        assert received["digest"] == digest
        assert told_digest(Path(received["path"]).read_bytes()) == digest
        assert Path(received["path"]).parent == at.downloads("bob")
        await ann.event("sent", transfer_id=sent["transfer_id"])
        assert (await bob.event("progress", bytes=5_000_000))["size"] == 5_000_000

        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        await bob.do("send_file", path=str(path))
        offer = await ann.event("offer")
        nowhere = str(tmp_path / "nowhere")
        assert await ann.refusal("accept", transfer_id=offer["transfer_id"], to=nowhere) == "no_such_file"
        await ann.do("accept", transfer_id=offer["transfer_id"], to=str(elsewhere))
        assert Path((await ann.event("received"))["path"]).parent == elsewhere


@pytest.mark.asyncio
async def test_a_transfer_can_be_paused_resumed_cancelled_and_declined(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        path, digest = some_file(tmp_path / "files", "large.bin", 40_000_000)
        await ann.do("send_file", path=str(path))
        transfer = (await bob.event("offer"))["transfer_id"]
        await bob.do("accept", transfer_id=transfer)
        await bob.do("pause", transfer_id=transfer)
        await ann.event("paused", transfer_id=transfer, by_peer=True)
        await bob.do("send_text", text="a word in between")
        assert (await ann.event("text"))["text"] == "a word in between"
        await bob.do("resume", transfer_id=transfer)
        assert (await bob.event("received", transfer_id=transfer))["digest"] == digest
        await ann.event("sent", transfer_id=transfer)
        assert await bob.refusal("pause", transfer_id=transfer) in ("transfer_state", "no_such_transfer")

        before = sorted(at.downloads("bob").iterdir())
        await ann.do("send_file", path=str(path))
        transfer = (await bob.event("offer"))["transfer_id"]
        await bob.do("accept", transfer_id=transfer)
        await bob.do("pause", transfer_id=transfer)
        await bob.do("cancel", transfer_id=transfer)
        assert (await ann.event("failed", transfer_id=transfer))["error"]["code"] == "cancelled"
        assert (await bob.event("failed", transfer_id=transfer))["error"]["code"] == "you_cancelled"

        await ann.do("send_file", path=str(path))
        transfer = (await bob.event("offer"))["transfer_id"]
        await bob.do("decline", transfer_id=transfer)
        error = (await ann.event("failed", transfer_id=transfer))["error"]
        assert error["code"] == "declined"
        own = (await bob.event("failed", transfer_id=transfer))["error"]
        assert own["code"] == "you_declined"
        assert own["message"] != error["message"] != ""
        assert await ann.refusal("send_file", path=str(tmp_path / "no such file")) == "no_such_file"
        assert await ann.refusal("cancel", transfer_id="1111111111111111.999") == "no_such_transfer"
        await bob.do("hang_up")
        await bob.event("state", state="home")
        assert await bob.end() == 0
        assert sorted(at.downloads("bob").iterdir()) == before


# -- losing each other --------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_peer_that_dies_is_lost_after_the_grace(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        bob.kill()
        assert (await ann.event("peer_away"))["grace_s"] == GRACE
        assert (await ann.event("ended"))["reason"] == "peer_lost"
        await ann.event("state", state="home")
        cid = await at.at_home("cid")
        ann.forget()
        await meet(ann, cid)


@pytest.mark.asyncio
async def test_a_talk_goes_on_without_the_server_and_both_find_it_again(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        at.server.kill()
        await at.server.exited()
        await asyncio.gather(*(person.event("online", online=False) for person in (ann, bob)))
        await ann.do("send_text", text="are you still there?")
        assert (await bob.event("text"))["text"] == "are you still there?"
        await bob.do("send_text", text="yes")
        assert (await ann.event("text"))["text"] == "yes"

        url = at.server.url
        place = url.removeprefix("floater://").partition("#")[0]
        async with Server(at.server.data_dir, listen=place) as again:
            assert again.url == url
            await asyncio.gather(*(person.event("online", online=True) for person in (ann, bob)))
            await ann.do("send_text", text="the server is back")
            assert (await bob.event("text"))["text"] == "the server is back"
            await bob.do("hang_up")
            await ann.event("ended", reason="peer_hung_up")
            for person in (ann, bob):
                await person.event("state", state="home")
                person.forget()
            await meet(ann, bob)


@pytest.mark.asyncio
async def test_hanging_up_works_without_the_server(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        at.server.kill()
        await at.server.exited()
        await asyncio.gather(*(person.event("online", online=False) for person in (ann, bob)))
        await ann.do("hang_up")
        assert (await bob.event("ended"))["reason"] == "peer_hung_up"
        await bob.event("state", state="home")
        assert await bob.refusal("seek") == "server_unreachable"


@pytest.mark.asyncio
async def test_a_search_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        await ann.do("seek")
        place = at.server.url.removeprefix("floater://").partition("#")[0]
        at.server.stop()
        assert await at.server.exited() == 0
        await asyncio.gather(*(person.event("online", online=False) for person in (ann, bob)))
        async with Server(at.server.data_dir, listen=place):
            await bob.event("online", online=True)
            await bob.do("seek")
            await asyncio.gather(*(person.event("state", state="greeting") for person in (ann, bob)))


# -- hidden addresses ---------------------------------------------------------------------


@pytest.mark.asyncio
async def test_whoever_hides_their_address_talks_through_the_relay(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        await bob.do("set", hide_address=True)
        for path in await meet(ann, bob):
            assert path["kind"] == "relay"
        await greet(ann, bob)
        await ann.do("send_text", text="through the server")
        assert (await bob.event("text"))["text"] == "through the server"
        path_to_send, digest = some_file(tmp_path / "files", "f", 3_000_000)
        await bob.do("send_file", path=str(path_to_send))
        await ann.do("accept", transfer_id=(await ann.event("offer"))["transfer_id"])
        assert (await ann.event("received"))["digest"] == digest
        assert (await ann.do("status"))["path"] == "relay"
        await ann.do("hang_up")
        await bob.event("ended", reason="peer_hung_up")
        assert {line["kind"] for line in ann.everything if line.get("event") == "path"} == {"relay"}


@pytest.mark.asyncio
async def test_hiding_the_address_while_seeking_holds_for_the_match_that_follows(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        await ann.do("seek")
        await ann.do("set", hide_address=True)
        assert (await ann.do("status"))["state"] == "seeking"
        await bob.do("seek")
        assert [(await person.event("path"))["kind"] for person in (ann, bob)] == ["relay", "relay"]


@pytest.mark.asyncio
async def test_hiding_the_address_in_a_talk_holds_from_the_next_one_on_and_says_so(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        await ann.do("set", hide_address=True)
        assert (await ann.event("notice", code="from_next_talk"))["message"]
        await ann.do("hang_up")
        for person in (ann, bob):
            await person.event("state", state="home")
            person.forget()
        assert {path["kind"] for path in await meet(ann, bob)} == {"relay"}


@pytest.mark.asyncio
async def test_a_relayed_talk_heals_when_the_server_is_back_in_time(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair(env={"FLOATER_GRACE": "15"})
        await bob.do("set", hide_address=True)
        await meet(ann, bob)
        await greet(ann, bob)
        place = at.server.url.removeprefix("floater://").partition("#")[0]
        at.server.kill()
        await at.server.exited()
        await asyncio.gather(*(person.event("peer_away") for person in (ann, bob)))
        said = await ann.do("send_text", text="said while nobody could hear it")
        async with Server(at.server.data_dir, listen=place):
            await asyncio.gather(*(person.event("peer_back") for person in (ann, bob)))
            assert (await bob.event("text"))["text"] == "said while nobody could hear it"
            await ann.event("delivered", message_id=said["message_id"])
            await bob.do("hang_up")
            await ann.event("ended", reason="peer_hung_up")


@pytest.mark.asyncio
async def test_a_relayed_talk_that_the_server_takes_with_it_says_so(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        await ann.do("set", hide_address=True)
        await meet(ann, bob)
        await greet(ann, bob)
        said = await ann.do("send_text", text="heard")
        await ann.event("delivered", message_id=said["message_id"])
        at.server.kill()
        await at.server.exited()
        for person in (ann, bob):
            assert (await person.event("ended"))["reason"] == "server_closed"
            await person.event("state", state="home")


# -- seeking ------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_seeking_can_be_cancelled_and_begun_again(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        for _ in range(3):
            await ann.do("seek")
            assert await ann.refusal("seek") == "already_seeking"
            await ann.do("cancel_seek")
            assert (await ann.do("status"))["state"] == "home"
            assert await ann.refusal("cancel_seek") == "not_seeking"
        ann.forget()
        await meet(ann, bob)
        assert await ann.refusal("seek") == "in_a_talk"


@pytest.mark.asyncio
async def test_lines_written_all_at_once_are_obeyed_in_order(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.at_home("ann")
        commands = ["seek", "cancel_seek", "seek", "cancel_seek", "status"]
        await ann.write("\n".join(json.dumps({"command": c, "id": f"b{n}"}) for n, c in enumerate(commands)))
        await ann.until(
            lambda: next((line for line in ann.everything if line.get("reply") == "b4"), None),
            "the last reply",
        )
        replies = [line for line in ann.everything if str(line.get("reply", "")).startswith("b")]
        assert [reply["reply"] for reply in replies] == ["b0", "b1", "b2", "b3", "b4"]
        assert all(reply["ok"] for reply in replies)
        assert replies[-1]["state"] == "home"


@pytest.mark.asyncio
async def test_a_server_that_does_not_answer_holds_up_neither_the_talk_nor_its_end(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        os.kill(at.server.process.pid, signal.SIGSTOP)
        try:
            await ann.write(json.dumps({"command": "set_username", "id": "slow", "username": "Eve"}))
            await ann.do("send_text", text="the server sleeps", within=5)
            assert (await bob.event("text"))["text"] == "the server sleeps"
            await ann.do("hang_up", within=5)
            await bob.event("ended", reason="peer_hung_up", within=5)
            assert (await ann.do("status", within=5))["state"] == "home"
            await ann.do("quit", within=5)
            assert await ann.exited() == 0
        finally:
            os.kill(at.server.process.pid, signal.SIGCONT)
        slow = [line for line in ann.everything if line.get("reply") == "slow"]
        assert [line["error"]["code"] for line in slow] == ["program_ended"]


@pytest.mark.asyncio
async def test_when_the_peer_dies_before_they_met_the_other_seeks_again(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair(env={"FLOATER_MEETING_TIMEOUT": "1.5"})
        os.kill(bob.process.pid, signal.SIGSTOP)  # seems to be there, but does nothing
        os.kill(bob.process.pid, signal.SIGCONT)
        await bob.do("seek")
        await bob.event("state", state="seeking")
        os.kill(bob.process.pid, signal.SIGSTOP)
        await ann.do("seek")
        await ann.event("state", state="connecting")
        await ann.event("notice", code="peer_no_show")
        await ann.event("state", state="seeking")
        cid = await at.at_home("cid")
        await cid.do("seek")
        await asyncio.gather(*(person.event("state", state="greeting") for person in (ann, cid)))
        assert [talk["name"] for talk in (await ann.do("status"))["talks"]] == ["Cid"]


# -- accounts -----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_log_in_outlives_the_program_until_log_out(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.at_home("ann")
        await ann.do("quit")
        assert await ann.exited() == 0
        again = Person(None, ann.data_dir, env=HASTE)  # the server is remembered too
        async with again:
            await again.event("state", state="home")
            assert (await again.do("status"))["username"] == "Ann"
            assert await again.refusal("log_in", email="ann@example.org", password=PASSWORD) == (
                "already_logged_in"
            )
            assert await again.end() == 0  # the end of the input logs out
        assert not list(ann.data_dir.glob("token*"))
        async with Person(None, ann.data_dir, env=HASTE) as third:
            await third.event("online", online=True)
            assert await third.refusal("seek") == "not_logged_in"


@pytest.mark.asyncio
async def test_a_second_log_in_closes_the_first_with_a_reason(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        second = await at.enter("ann on another computer")
        await second.do("log_in", email="ann@example.org", password=PASSWORD)
        assert (await ann.event("ended"))["reason"] == "logged_in_elsewhere"
        await ann.event("state", state="signed_out")
        await ann.event("notice", code="logged_in_elsewhere")
        assert (await bob.event("ended"))["reason"] in ("peer_hung_up", "peer_lost")
        await bob.event("state", state="home")
        await second.do("seek")
        assert (await second.do("status"))["state"] == "seeking"


@pytest.mark.asyncio
async def test_a_second_client_on_the_same_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.at_home("ann")
        async with at.person("ann") as second:
            assert await second.exited() == 2
            assert second.everything == []
            assert "data folder" in second.log.read_text() or "数据文件夹" in second.log.read_text()
        await ann.do("quit")
        assert await ann.exited() == 0
        async with at.person("ann") as again:
            await again.event("state", state="home")


@pytest.mark.asyncio
async def test_a_forgotten_password_is_set_anew_by_mail(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.at_home("ann")
        await ann.do("log_out")
        await ann.event("state", state="signed_out")
        first = at.server.code_for("ann@example.org")
        await ann.do("forgot_password", email="ann@example.org")
        code = await at.server.mailed_code("ann@example.org", other_than=first)
        new = "another long password"
        wrong = ("1" if code[0] != "1" else "2") + code[1:]
        assert await ann.refusal("reset_password", email="ann@example.org", code=wrong, password=new) == (
            "wrong_code"
        )
        await ann.do("reset_password", email="ann@example.org", code=code, password=new)
        assert await ann.refusal("log_in", email="ann@example.org", password=PASSWORD) == "wrong_log_in"
        assert (await ann.do("log_in", email="ann@example.org", password=new))["username"] == "Ann"


@pytest.mark.asyncio
async def test_username_and_password_can_be_changed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        assert (await ann.do("set_username", username="  Änn ‮"))["username"] == "Änn"
        assert await ann.refusal("set_username", username=" ") == "bad_username"
        assert await ann.refusal("change_password", old="wrong password", new="good enough, surely") == (
            "wrong_password"
        )
        await ann.do("change_password", old=PASSWORD, new="good enough, surely")
        await meet(ann, bob)
        assert (await bob.event("matched"))["peer"] == {"username": "Änn"}


@pytest.mark.asyncio
async def test_what_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.enter("ann")
        me: Line = {"email": "ann@example.org", "username": "Ann", "password": PASSWORD, "adult": True}
        assert await ann.refusal("sign_up", **{**me, "adult": False}) == "not_adult"
        assert await ann.refusal("sign_up", **{**me, "email": "ann"}) == "bad_email"
        assert await ann.refusal("sign_up", **{**me, "username": ""}) == "bad_username"
        assert await ann.refusal("sign_up", **{**me, "password": "short"}) == "bad_password"
        for command in ("seek", "cancel_seek", "log_out", "hang_up"):
            assert await ann.refusal(command) == "not_logged_in"
        assert await ann.refusal("greet") == "no_talk"
        assert await ann.refusal("set_username", username="X") == "not_logged_in"
        assert (await ann.ask("sign_up", **me))["ok"]
        code = await at.server.mailed_code("ann@example.org")
        assert await ann.refusal("log_in", email="ann@example.org", password=PASSWORD) == "not_activated"
        assert await ann.refusal("activate", email="ann@example.org", code="12") == "wrong_code"
        await ann.do("activate", email="ann@example.org", code=code)
        assert await ann.refusal("log_in", email="ann@example.org", password="not hers") == "wrong_log_in"
        await ann.do("log_in", email="ANN@example.org", password=PASSWORD)
        assert await ann.refusal("set", downloads=str(tmp_path / "nowhere")) == "no_such_file"


# -- the lines ----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_lines_that_are_no_commands_are_answered_and_do_no_harm(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.enter("ann")
        lines = ["", "hello", "[]", "{}", '{"command": "seek"}', '"' + "x" * 3_000_000, '{"id": 1e400}']
        for line in lines:
            await ann.write(line)
        assert (await ann.do("status"))["state"] == "signed_out"
        refusals = [line for line in ann.everything if line.get("reply", 0) is None]
        assert [refusal["error"]["code"] for refusal in refusals] == ["bad_command"] * (len(lines) - 1)
        with pytest.raises(CommandRefused, match="bad_command"):
            await ann.do("fly")


@pytest.mark.parametrize("how", ["quit", "signal", "end of input"])
@pytest.mark.asyncio
async def test_leaving_in_the_middle_of_a_talk_hangs_up(tmp_path: Path, how: str) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.talking()
        said = await ann.do("send_text", text="last words")
        if how == "quit":
            await ann.do("quit")
        elif how == "signal":
            ann.process.send_signal(signal.SIGTERM)
        assert await (ann.end() if how == "end of input" else ann.exited()) == 0
        assert (await bob.event("text"))["message_id"] == said["message_id"]
        assert (await bob.event("ended"))["reason"] == "peer_hung_up"
        await bob.event("state", state="home")
        async with Person(None, ann.data_dir, env=HASTE) as again:
            await again.event("online", online=True)
            if how == "end of input":
                assert await again.refusal("seek") == "not_logged_in"
            else:
                await again.event("state", state="home")


@pytest.mark.parametrize("input_ends", [True, False], ids=["with the input", "alone"])
@pytest.mark.asyncio
async def test_output_that_nobody_reads_any_more_ends_the_log_in(tmp_path: Path, input_ends: bool) -> None:
    async with house(tmp_path) as at:
        ann = await at.at_home("ann")
        await ann.stop_reading()
        for number in range(3):
            await ann.write(json.dumps({"command": "status", "id": number}))
        assert await (ann.end() if input_ends else ann.exited()) == 0
        assert not list(ann.data_dir.glob("token*"))


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
@pytest.mark.asyncio
async def test_nothing_of_a_talk_stays_on_disk_and_nothing_private_in_the_log(
    tmp_path: Path, relayed: bool
) -> None:
    async with house(tmp_path, "--log-level", "debug") as at:  # the clients log as much
        ann, bob = await at.pair()
        await ann.do("set", hide_address=relayed)
        await meet(ann, bob)
        await greet(ann, bob)
        secret = "a word between us"
        await ann.do("send_text", text=secret)
        await bob.event("text")
        path, _ = some_file(tmp_path / "files", "picture of us.bin", 100_000)
        await ann.do("send_file", path=str(path))
        await bob.event("offer")
        await ann.do("hang_up")
        await bob.event("state", state="home")
        assert await ann.end() == 0
        assert await bob.end() == 0
        at.server.stop()
        assert await at.server.exited() == 0
        private = [secret, "picture of us", "127.0.0.1"]
        for folder, words in (
            (ann.data_dir, [secret, "picture of us"]),
            (bob.data_dir, [secret, "picture of us"]),
        ):
            for file in (file for file in folder.rglob("*") if file.is_file()):
                content = file.read_bytes()
                assert not [word for word in words if word.encode() in content], file
        for program in (ann, bob, at.server):
            log = program.log.read_text()
            assert log
            found = [word for word in (*private, "example.org", "Ann", PASSWORD) if word in log]
            assert found == [], program.log
        assert list(at.downloads("bob").iterdir()) == []


@pytest.mark.asyncio
async def test_network_says_what_is_possible(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await at.at_home("ann")
        answer = await ann.do("network")
        assert answer["reachability"] in ("open", "punch", "relay")
        assert answer["server_ms"] > 0
        assert all(isinstance(words, str) and words for words in answer["words"])


ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f]*:|@|floater://")


@pytest.mark.asyncio
async def test_a_receipt_says_how_two_were_connected_and_nothing_of_who_they_are(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        assert (await ann.do("receipt"))["matched_ms"] is None
        await ann.do("set", language="en")
        ways = await meet(ann, bob)
        early = await ann.do("receipt")
        assert early["path"] == ways[0]["kind"] != "relay"
        assert early["greeted_ms"] is None
        await greet(ann, bob)
        await ann.do("send_text", text="wild geese")
        await bob.event("text")
        during = await ann.do("receipt")
        steps = [during[step] for step in ("matched_ms", "stood_ms", "proved_ms", "greeted_ms")]
        assert steps == sorted(steps)
        assert during["receipt"] == ways[0]["receipt"]
        await ann.do("hang_up")
        await ann.event("state", state="home")
        after = await ann.do("receipt")
        assert [during["over"], after["over"]] == [False, True]
        assert [after[step] for step in ("matched_ms", "greeted_ms")] == [steps[0], steps[-1]]
        for told in (early, during, after):
            assert told["text"].splitlines()[2:] == told["words"]
            private = [word for word in ("Ann", "Bob", "geese") if word in json.dumps(told)]
            assert private == []
            assert not ADDRESS.search(json.dumps({**told, "text": ""}).replace('": ', '" ')), told
            assert not ADDRESS.search(told["text"].partition("\n")[2])
        assert [told["text"].partition("\n")[0].partition(": ")[2] for told in (during, after)] == [
            "how you are connected",
            "how you were connected",
        ]
        assert "You were connected directly, within one network." in after["words"]
        assert "It was found within one network, with no router to cross." in after["words"]
        assert "找到" not in after["text"]


@pytest.mark.asyncio
async def test_a_receipt_says_why_the_talk_is_relayed_and_what_would_help(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann, bob = await at.pair()
        await asyncio.gather(ann.do("set", language="en"), bob.do("set", language="en", hide_address=True))
        await meet(ann, bob)
        ours, theirs = await asyncio.gather(ann.do("receipt"), bob.do("receipt"))
        for told in (ours, theirs):
            assert (told["path"], told["receipt"]["why_relay"]) == ("relay", "hidden")
            assert told["receipt"]["syns"] == 0
            assert any("hides their address" in words for words in told["words"])
        assert any("no longer hiding your address" in words for words in theirs["words"])
        assert any("Your address is not hidden" in words for words in ours["words"])
