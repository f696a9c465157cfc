"""Rules for the whole suite."""

import logging
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.natlab.namespaces import missing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be left out (`CI=true`), a test that skips itself has failed."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason: Any = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped although CI=true: {reason[2] if isinstance(reason, tuple) else reason}"
    return report


@pytest.fixture(autouse=True)
def no_stray_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test during which we log a warning or an error that its marker `logs` does not name."""
    expected = [word for mark in request.node.iter_markers("logs") for word in mark.args]
    kept = Kept()
    ours = [logging.getLogger(name) for name in ("floater", "server")]
    for logger in ours:
        logger.addHandler(kept)
    yield
    for logger in ours:
        logger.removeHandler(kept)
    stray = [line for line in kept.lines if not any(word in line for word in expected)]
    if stray:
        pytest.fail("logged without being expected (pytest.mark.logs):\n" + "\n".join(stray), pytrace=False)


class Kept(logging.Handler):
    """Keeps the lines of warnings and errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.levelname}: {record.getMessage()}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What needs the NAT laboratory is left out where the machine cannot have one."""
    if item.get_closest_marker("natlab") is not None and (lack := missing()) is not None:
        pytest.skip(lack)
