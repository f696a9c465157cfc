import asyncio
from email.message import EmailMessage
from pathlib import Path

import pytest

from floater import api
from floater.client import mails
from floater.client.mails import Inbox, Mails

ANN = "ann@example.org"


def put(folder: Path, name: str, to: str = ANN, body: str = "Welcome!\n\n123456\n\nBye.\n") -> None:
    """Put a mail into the outbox as the server does."""
    folder.mkdir(exist_ok=True)
    mail = EmailMessage()
    mail["To"] = to
    mail["Subject"] = "你的验证码"
    mail.set_content(body)
    mail.add_alternative("<p>654321</p>", subtype="html")
    (folder / f".{name}.part").write_bytes(mail.as_bytes())
    (folder / f".{name}.part").rename(folder / f"{name}.eml")


def test_a_mail_is_told_once_with_its_code(tmp_path: Path) -> None:
    put(tmp_path, "1")
    reader = Mails(tmp_path)
    assert reader.new_for(ANN) == [api.Mailed(ANN, "你的验证码", "123456", "Welcome!\n\n123456\n\nBye.")]
    assert reader.new_for(ANN) == []
    put(tmp_path, "2", body="999999")
    put(tmp_path, "3", body="K7QM3XBD")
    assert [mail.code for mail in reader.new_for(ANN)] == ["999999", "K7QM3XBD"]


def test_mails_come_in_the_order_they_were_put_there(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        put(tmp_path, str(number), body=f"{number}00000")
    assert [mail.code for mail in Mails(tmp_path).new_for(ANN)] == ["100000", "200000", "300000"]


@pytest.mark.parametrize(
    ("to", "body"),
    [
        ("bob@example.org", "123456"),
        ("ann@example.org.evil", "123456"),
        (ANN, "no code"),
        (ANN, "1234567"),
        (ANN, "K7QM3XBU"),
    ],
)
def test_what_is_for_others_or_holds_no_code_is_not_told(tmp_path: Path, to: str, body: str) -> None:
    put(tmp_path, "1", to, body)
    assert Mails(tmp_path).new_for(ANN) == []


def test_an_address_is_the_same_in_any_case(tmp_path: Path) -> None:
    put(tmp_path, "1", "Ann@Example.org")
    assert len(Mails(tmp_path).new_for(" ANN@example.ORG ")) == 1


def test_files_that_are_no_mails_and_folders_that_are_not_there_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"\xff\x00 no mail")
    (tmp_path / "b.eml").mkdir()
    (tmp_path / "c.txt").write_text("123456")
    assert Mails(tmp_path).new_for(ANN) == []
    assert Mails(tmp_path / "nowhere").new_for(ANN) == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "LOOK_EVERY", 0.01)


class Hearer:
    def __init__(self) -> None:
        self.told: asyncio.Queue[api.Mailed] = asyncio.Queue()
        self.box = Inbox(self.told.put_nowait)

    async def hears(self) -> str:
        async with asyncio.timeout(30):
            return (await self.told.get()).code


@pytest.mark.usefixtures("quick")
@pytest.mark.asyncio
async def test_only_a_mail_that_comes_after_it_is_expected_is_told(tmp_path: Path) -> None:
    put(tmp_path, "1", body="111111")
    hearer = Hearer()
    await hearer.box.expect(tmp_path, ANN)
    put(tmp_path, "2", "bob@example.org", "222222")
    put(tmp_path, "3", body="333333")
    assert await hearer.hears() == "333333"
    assert hearer.told.empty()
    await hearer.box.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.asyncio
async def test_whoever_is_expected_last_is_told_alone(tmp_path: Path) -> None:
    hearer = Hearer()
    await hearer.box.expect(tmp_path, ANN)
    await hearer.box.expect(tmp_path, "bob@example.org")
    put(tmp_path, "1", body="111111")
    put(tmp_path, "2", "bob@example.org", "222222")
    assert await hearer.hears() == "222222"
    assert hearer.told.empty()
    await hearer.box.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.asyncio
async def test_the_folder_is_looked_into_only_while_a_mail_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def look(self: Mails, address: str) -> list[api.Mailed]:
        nonlocal looks
        looks += 1
        return []

    monkeypatch.setattr(mails, "GIVE_UP", 0.05)
    monkeypatch.setattr(Mails, "new_for", look)
    hearer = Hearer()
    for ending in (hearer.box.forget, lambda: None):
        await hearer.box.expect(tmp_path, ANN)
        async with asyncio.timeout(30):
            while looks == 0:
                await asyncio.sleep(0.005)
        ending()
        async with asyncio.timeout(30):
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.005)
        looks = 0
    await hearer.box.close()


def test_a_domain_is_the_same_in_its_letters_and_in_ascii(tmp_path: Path) -> None:
    put(tmp_path, "1", "li@xn--r8jz45g.example")
    assert len(Mails(tmp_path).new_for("li@例え.example")) == 1
    assert Mails(tmp_path).new_for("li@例.example") == []


def test_a_mail_to_what_is_no_address_is_not_told(tmp_path: Path) -> None:
    put(tmp_path, "1", "root")
    assert Mails(tmp_path).new_for("root") == []
