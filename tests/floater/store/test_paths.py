from pathlib import Path

import pytest

from floater.store.paths import expand


@pytest.mark.parametrize("name", ["~$report.docx", "~no-such-person/d", "a/~b", "b~"])
def test_a_name_that_is_no_home_stays_itself(name: str) -> None:
    assert expand(name) == Path(name)


def test_a_home_is_put_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("~/d") == tmp_path / "d"
