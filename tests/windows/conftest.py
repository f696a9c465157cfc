"""What windows need before they are worth waiting for."""

import pytest

from hatch_build import PAGE


@pytest.fixture(scope="session", autouse=True)
def page_is_built(pytestconfig: pytest.Config) -> None:
    """Say at once what `make windows` would have seen to."""
    if not (pytestconfig.rootpath / PAGE / "index.html").is_file():
        pytest.fail("the page is not built: python hatch_build.py")
