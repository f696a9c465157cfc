import pytest

from floater.cli.host import invitation, qr_code
from floater.sentences import sentence

URL = "floater://127.0.0.1:7443#abc"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_invitation_says_where_how_to_join_and_how_to_end(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = invitation(URL, "/mails", language).splitlines()
    assert f"    {URL}" in lines
    assert qr_code(URL).splitlines()[0] in lines
    assert lines[-3:] == [
        sentence("host.join", language),
        sentence("host.mails", language, folder="/mails"),
        sentence("host.end", language),
    ]


def test_without_an_outbox_it_says_nothing_of_mails_and_a_code_too_wide_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = invitation(URL, "", "en")
    assert "█" not in text
    assert "▀" not in text
    assert sentence("host.mails", "en").partition("{")[0].strip() not in text


def test_the_code_is_made_of_half_blocks() -> None:
    rows = qr_code(URL).splitlines()
    assert len({len(row) for row in rows}) == 1
    assert set("".join(rows)) <= set(" █▀▄")
