import logging

import pytest

from tests.conftest import Kept


def test_warnings_and_errors_are_kept_and_nothing_less() -> None:
    kept, logger = Kept(), logging.getLogger("floater.conftest")
    logger.addHandler(kept)
    logger.propagate = False  # this test's own fixture shall not see them
    try:
        logger.info("fine")
        logger.warning("= %d left", 3)
        logger.error("= broken")
    finally:
        logger.removeHandler(kept)
        logger.propagate = True
    assert kept.lines == ["floater.conftest: WARNING: = 3 left", "floater.conftest: ERROR: = broken"]


@pytest.mark.logs("expected")
def test_a_line_that_is_expected_does_not_fail_a_test() -> None:
    logging.getLogger("server.conftest").warning("= this was expected")
