"""What is opened is closed. `with` on a connection of sqlite3 ends a transaction, and closes nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FILES: Final = sorted(
    path for tree in ("floater", "server", "tests", "benchmarks") for path in (ROOT / tree).rglob("*.py")
)


def left_open(source: str) -> Iterator[int]:
    """The lines on which a `with` opens a database and does not close it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.With):
            for item in node.items:
                if ast.unparse(item.context_expr).startswith("sqlite3.connect("):
                    yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_database_is_left_open(path: Path) -> None:
    assert list(left_open(path.read_text(encoding="utf-8"))) == []


def test_a_database_that_is_left_open_is_found() -> None:
    opened = "import sqlite3\nwith sqlite3.connect('a') as plain:\n    pass\n"
    closed = "import sqlite3\nwith closing(sqlite3.connect('a')) as plain, plain:\n    pass\n"
    assert list(left_open(opened)) == [2]
    assert list(left_open(closed)) == []
