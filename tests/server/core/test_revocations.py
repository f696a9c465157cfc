from server.core.revocations import MAX_REMEMBERED, Revocations

OLD, OWN = b"old", b"own"


def test_a_log_in_that_began_before_a_revocation_does_not_hold() -> None:
    known = Revocations()
    before = known.number
    assert known.holds(1, OLD, since=before)
    known.revoke_account(1, OWN)
    assert not known.holds(1, OLD, since=before)
    assert known.holds(1, OWN, since=before)
    assert known.holds(2, OLD, since=before)
    assert known.holds(1, OLD, since=known.number)


def test_a_token_that_is_logged_out_does_not_hold() -> None:
    known = Revocations()
    known.revoke_token(OLD)
    assert not known.holds(1, OLD, since=0)
    assert known.holds(1, OWN, since=0)


def test_only_the_latest_are_remembered() -> None:
    known = Revocations()
    for number in range(MAX_REMEMBERED + 1):
        known.revoke_account(number, None)
        known.revoke_token(b"%d" % number)
    assert known.holds(0, b"0", since=0)
    assert not known.holds(1, b"other", since=0)
    assert not known.holds(-1, b"1", since=0)
