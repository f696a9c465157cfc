from floater.wire import frame, limits


def test_the_largest_message_fits_into_a_frame() -> None:
    assert max(limits.MAX_TEXT, limits.MAX_PART, 3 * limits.PREVIEW_EDGE**2) <= frame.PEER_LEG.body


def test_a_client_that_says_something_in_time_is_not_taken_for_gone() -> None:
    assert limits.REQUEST_TIMEOUT < limits.SERVER_PING_INTERVAL
    assert limits.HANDSHAKE_TIMEOUT < limits.SERVER_PING_INTERVAL


def test_a_part_of_the_candidates_may_be_private() -> None:
    assert 0 < limits.MAX_PRIVATE_CANDIDATES < limits.MAX_CANDIDATES
    assert limits.MIN_PASSWORD < limits.MAX_PASSWORD
