import errno
import os
import stat
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import FloaterError
from server.services.secret import Secret, load_secret


def test_the_secret_is_made_once_for_its_user_only(tmp_path: Path) -> None:
    made = load_secret(tmp_path)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert load_secret(tmp_path).derive("x") == made.derive("x")


def test_every_purpose_and_every_split_has_its_own_digest() -> None:
    secret = Secret(b"s" * 32)
    digests = {
        secret.derive("a"), secret.derive("b"), secret.digest("a"), secret.digest("a", b""),
        secret.digest("a", b"xy"), secret.digest("a", b"x", b"y"), secret.digest("b", b"xy"),
        Secret(b"t" * 32).digest("a", b"xy"),
    }  # fmt: skip
    assert len(digests) == 8
    assert all(len(digest) == 32 for digest in digests)
    assert 0 <= secret.mark() < 2**56


def test_a_damaged_secret_is_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(FloaterError) as caught:
        load_secret(tmp_path)
    assert caught.value.code is Code.STORAGE_FAILED
    assert (tmp_path / "secret").read_bytes() == b"short"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FloaterError) as caught:
        load_secret(tmp_path / "nowhere")
    assert caught.value.code is Code.STORAGE_FAILED


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_it_is_made_where_there_are_no_links_and_never_over_another(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_from: Path, to: Path) -> None:
        if to.parent.name == "raced":
            to.write_bytes(b"o" * 32)  # another start was faster
        raise OSError(number, "no links here")

    monkeypatch.setattr(os, "link", fail)
    made = load_secret(tmp_path)
    assert load_secret(tmp_path).derive("x") == made.derive("x")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    raced = tmp_path / "raced"
    raced.mkdir()
    assert load_secret(raced).derive("x") == Secret(b"o" * 32).derive("x")
