"""Each source file has a test file of its own name, and each test file of a room has a source file."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TREES: Final = ("floater", "server")
MIGRATIONS: Final = "server/storage/migrations/"
"These need no test file each: test_sqlite.py runs them one after the other."


def mirror_of(source: str) -> str:
    """Tell which test file is a source file's own: `floater/x/y.py` has `tests/floater/x/test_y.py`."""
    folder, _, name = source.rpartition("/")
    return f"tests/{folder}/test_{name.removeprefix('__').replace('__.py', '.py')}"


def untested(sources: set[str], tests: set[str]) -> list[str]:
    """List the test files that source files lack."""
    return sorted({mirror_of(source) for source in sources} - tests)


def sourceless(sources: set[str], tests: set[str]) -> list[str]:
    """List the test files without a source file.

    `test_talk_hostile.py` may stand beside `test_talk.py`: its name begins with that of a source file.
    """
    own = {mirror_of(source).removesuffix(".py") for source in sources}

    def starts(test: str) -> set[str]:
        words = test.removesuffix(".py").split("_")
        return {"_".join(words[:count]) for count in range(2, len(words) + 1)}

    return sorted(test for test in tests if not starts(test) & own)


def files(tree: str, pattern: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / tree).rglob(pattern)}


SOURCES: Final = {
    source
    for tree in TREES
    for source in files(tree, "*.py")
    if not source.endswith("/__init__.py") and not source.startswith(MIGRATIONS)
}
TESTS: Final = {
    test
    for tree in TREES
    for test in files(f"tests/{tree}", "test_*.py")
    if not test.startswith(f"tests/{MIGRATIONS}")
}


def test_each_source_file_has_its_test_file() -> None:
    assert untested(SOURCES, TESTS) == []


def test_each_test_file_has_its_source_file() -> None:
    assert sourceless(SOURCES, TESTS) == []


def test_the_rules_catch_what_they_are_for() -> None:
    sources = {"floater/log.py", "floater/core/talk/talk.py", "server/__main__.py"}
    tests = {"tests/floater/test_log.py", "tests/server/test_main.py"}
    assert untested(sources, tests) == ["tests/floater/core/talk/test_talk.py"]
    beside = {"tests/floater/core/talk/test_talk_hostile.py", "tests/floater/core/talk/test_talkative.py"}
    assert sourceless(sources, tests | beside) == ["tests/floater/core/talk/test_talkative.py"]
    assert sourceless(sources, {"tests/server/test_log.py"}) == ["tests/server/test_log.py"]
