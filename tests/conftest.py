"""Rules for the whole suite."""

import os
from collections.abc import Generator
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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What needs the NAT laboratory is left out where the machine cannot have one."""
    if item.get_closest_marker("natlab") is not None and (lack := missing()) is not None:
        pytest.skip(lack)
