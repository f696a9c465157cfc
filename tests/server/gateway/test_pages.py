"""What the pages say and do, over a real TLS socket."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from floater.wire import control
from tests.helpers.accounts import (
    ANNA,
    HOME,
    a_log_in,
    a_sign_up,
    an_account,
    code_of,
    link_of,
)
from tests.server.gateway.pages import pages

OTHER = "another long password"


@pytest.mark.asyncio
async def test_looking_at_the_link_activates_nothing_and_the_button_does(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await site.accounts.sign_up(a_sign_up(), HOME)
        link = link_of(await site.mailbox.next())
        for method in ("GET", "HEAD", "GET"):
            seen = await site.get(f"/activate?token={link}&lang=en", method=method)
            assert seen.status == 200
            assert ("<button>Activate</button>" in seen.body) == (method == "GET")
        with pytest.raises(Exception, match="not_activated"):
            await a_log_in(site.accounts)
        pressed = await site.post("/activate?lang=en", token=link)
        assert (pressed.status, "Your account is ready" in pressed.body) == (200, True)
        await a_log_in(site.accounts)
        again = await site.post("/activate?lang=en", token=link)
        assert (again.status, "has been used" in again.body) == (400, True)


@pytest.mark.asyncio
async def test_the_code_can_be_entered_on_the_page(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await site.accounts.sign_up(a_sign_up(), HOME)
        code = code_of(await site.mailbox.next())
        form = await site.get("/activate")
        assert 'name="email"' in form.body
        assert 'name="code"' in form.body
        wrong = await site.post("/activate", email=ANNA, code="abc")
        assert wrong.status == 400
        assert f'value="{ANNA}"' in wrong.body
        assert (await site.post("/activate", email=ANNA, code=code)).status == 200
        await a_log_in(site.accounts)


@pytest.mark.asyncio
async def test_a_new_password_is_set_by_the_link_of_the_mail(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await an_account(site.accounts, site.mailbox)
        await site.accounts.passwords.forgot(control.ForgotPassword(id=1, email=ANNA), HOME)
        link = link_of(await site.mailbox.next())
        form = await site.get(f"/reset?token={link}")
        assert form.body.count('type="password"') == 2
        differ = await site.post("/reset", token=link, password=OTHER, repeat=OTHER + "x")
        assert (differ.status, "differ" in differ.body) == (400, True)
        assert OTHER not in differ.body
        common = await site.post("/reset", token=link, password="password1", repeat="password1")
        assert (common.status, f'value="{link}"' in common.body) == (400, True)
        await a_log_in(site.accounts)
        assert (await site.post("/reset", token=link, password=OTHER, repeat=OTHER)).status == 200
        await a_log_in(site.accounts, password=OTHER)
        assert (await site.post("/reset", token=link, password=OTHER, repeat=OTHER)).status == 400


@pytest.mark.asyncio
async def test_a_new_password_is_set_by_the_code_of_the_mail(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        await an_account(site.accounts, site.mailbox)
        await site.accounts.passwords.forgot(control.ForgotPassword(id=1, email=ANNA), HOME)
        code = code_of(await site.mailbox.next())
        page = await site.get("/reset")
        assert 'inputmode="numeric"' not in page.body, "a code for a new password has letters"
        done = await site.post("/reset", email=ANNA, code=code, password=OTHER, repeat=OTHER)
        assert done.status == 200
        await a_log_in(site.accounts, password=OTHER)


@pytest.mark.asyncio
async def test_the_page_speaks_the_language_of_the_link_or_of_the_browser(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        assert "激活账号" in (await site.get("/activate?lang=zh")).body
        assert "激活账号" in (await site.get("/activate", "Accept-Language: zh-TW,en;q=0.5")).body
        assert "Activate your account" in (await site.get("/activate", "Accept-Language: fr")).body
        zh = await site.get("/activate?lang=zh&token=abc", "Accept-Language: en")
        assert 'lang="zh-CN"' in zh.body
        assert "/activate?lang=en&amp;token=abc" in zh.body
        bad = await site.post("/reset?lang=zh", token="x", password="12345678", repeat="12345678")
        assert re.search(r'class="problem"[^<]*[一-鿿]', bad.body)


@pytest.mark.asyncio
async def test_what_a_stranger_writes_stays_text(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        evil = '"><script>alert(1)</script>'
        for answer in (
            await site.get("/activate?" + urlencode({"token": evil, "lang": evil})),
            await site.post("/activate", token="", email=evil, code=evil),
            await site.post("/reset", token=evil, password="x", repeat="y"),
        ):
            assert "<script" not in answer.body


@pytest.mark.asyncio
async def test_health_is_one_word(tmp_path: Path) -> None:
    async with pages(tmp_path) as site:
        answer = await site.get("/health")
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
        assert answer.headers["content-type"] == "application/json"
        assert (await site.get("/health", method="HEAD")).body == ""
