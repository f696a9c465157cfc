"""The partner alone; that a practice is everything a talk is stands in test_servers.py."""

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest

from floater import api
from floater.client import Client, practice
from floater.client.hosting import Hosted
from floater.client.practice import HEIGHT, WIDTH, Practice, enrol
from floater.codes import Code
from floater.config import ClientConfig
from floater.errors import FloaterError
from tests.helpers.witness import Witness

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def in_a_folder_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


async def test_a_partner_seeks_and_everything_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(practice, "THINKING", (0.01, 0.02))
    witness = Witness()
    partners: list[Client] = []

    def make(config: ClientConfig, emit: Any) -> Client:
        def both(event: api.Event) -> None:
            witness.emit(event)
            emit(event)

        partners.append(Client(config, both, remember=False))
        return partners[0]

    practised = Practice(make, "en")
    await practised.start()
    await witness.sees(api.StateChanged(api.State.SEEKING))
    picture = practised._paint().read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack("!II", picture[16:24]) == (WIDTH, HEIGHT)
    await practised.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_practice_that_ends_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    practised = Practice(lambda config, emit: Client(config, emit, remember=False), "en")
    await practised.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_mail_that_does_not_come_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice, "MAIL_TIME", 0.1)
    asked: list[api.Command] = []

    async def do(command: Any) -> api.Reply:
        asked.append(command)
        return api.Empty()

    with pytest.raises(FloaterError) as raised:
        async with asyncio.timeout(10):
            await enrol(do, Hosted("floater://nowhere", tmp_path), "Ann")
    assert raised.value.code is Code.TIMED_OUT
    assert [type(command) for command in asked] == [api.SignUp]
