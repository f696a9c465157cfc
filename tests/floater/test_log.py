"""The log says what happened and never what anybody wrote, or where anybody is."""

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import FloaterError
from floater.log import log_loop_errors, set_up_log

pytestmark = pytest.mark.logs("once", "it failed", "the loop met ValueError")

SECRET = "ann@example.org 203.0.113.7"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_log(logging.INFO, stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    for room in ("floater", "server"):
        logging.getLogger(room).setLevel(logging.NOTSET)


def test_an_exception_is_its_type_its_places_and_its_cause_without_its_words(lines: io.StringIO) -> None:
    try:
        try:
            raise OSError(SECRET)
        except OSError as error:
            raise FloaterError(Code.BUSY, SECRET) from error
    except FloaterError:
        logging.getLogger("server.x").exception("= it failed")
    text = lines.getvalue()
    assert " E server.x = it failed\n" in text
    assert "FloaterError busy" in text
    assert "from OSError" in text
    assert "test_log.py:" in text
    assert "example.org" not in text
    assert "203.0.113" not in text


def test_others_are_heard_only_when_something_is_wrong(lines: io.StringIO) -> None:
    logging.getLogger("somebody.else").info("chatter")
    logging.getLogger("floater.net").info("= link %d", 3)
    logging.getLogger("floater.net").debug("details")
    assert [line.split(" ", 1)[1] for line in lines.getvalue().splitlines()] == ["I floater.net = link 3"]


def test_setting_up_twice_says_everything_once(lines: io.StringIO) -> None:
    set_up_log(logging.INFO, lines)
    logging.getLogger("floater.x").warning("once")
    assert lines.getvalue().count("once") == 1


def test_a_loop_complains_without_addresses(lines: io.StringIO) -> None:
    async def provoke() -> None:
        loop = asyncio.get_running_loop()
        log_loop_errors(loop, logging.getLogger("server.app"))
        loop.call_exception_handler(
            {"message": f"Fatal error on {SECRET}", "exception": ValueError(SECRET), "transport": SECRET}
        )
        loop.call_exception_handler({"message": f"Fatal error on {SECRET}", "exception": OSError(SECRET)})

    asyncio.run(provoke())
    text = lines.getvalue()
    assert "ValueError" in text
    assert "OSError" not in text  # a stream that broke is no news
    assert "example.org" not in text


def test_no_line_of_ours_prints_what_an_error_says() -> None:
    """An error of the system may hold an address or a path; its type or its code says enough."""
    prints = re.compile(r"log\.\w+\([^\n]*%[sr][^\n]*, (error|raised|failure)\)")
    sources = list((Path(__file__).parents[2] / "floater").rglob("*.py"))
    assert len(sources) > 50
    assert [path.name for path in sources if prints.search(path.read_text("utf-8"))] == []
