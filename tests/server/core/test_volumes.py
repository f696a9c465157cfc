import pytest

from server.core import volumes
from server.core.volumes import DAY, Volumes


def test_an_account_has_its_share_of_a_day() -> None:
    counted = Volumes(100)
    counted.charge(1, 60)
    counted.charge(1, 0)
    assert not counted.is_used_up(1)
    counted.charge(1, 40)
    assert [counted.is_used_up(account) for account in (1, 2)] == [True, False]
    counted.pass_time(DAY - 1.0)
    assert counted.is_used_up(1)
    counted.pass_time(1.0)
    assert not counted.is_used_up(1)
    counted.charge(1, 100)
    counted.pass_time(DAY - 1.0)
    assert counted.is_used_up(1)


def test_an_account_that_is_not_known_is_not_counted() -> None:
    counted = Volumes(100)
    counted.charge(0, 1_000)
    assert not counted.is_used_up(0)


def test_of_too_many_accounts_the_one_that_moved_bytes_longest_ago_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(volumes, "MAX_ACCOUNTS", 2)
    counted = Volumes(100)
    for account in (1, 2, 1, 3):
        counted.charge(account, 100)
    assert [counted.is_used_up(account) for account in (1, 2, 3)] == [True, False, True]
