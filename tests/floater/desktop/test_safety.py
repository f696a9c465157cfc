import ast
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PyQt6.QtCore")

import floater.desktop
from floater.codes import Code
from floater.desktop import safety
from floater.desktop.safety import install, under_net

FOLDER = Path(floater.desktop.__file__).parent
TREES = {path.name: ast.parse(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.py"))}


def is_under_net(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(mark) == "under_net" for mark in function.decorator_list)


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield file, node


COVERED = {function.name for _, function in functions() if is_under_net(function)}


def called_by_qt() -> Iterator[tuple[str, ast.expr]]:
    """Yield each thing that is given to a signal or a timer, with its place."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                if node.func.attr in ("connect", "singleShot"):
                    yield f"{file}:{node.lineno}", node.args[-1]


def test_every_slot_and_virtual_method_is_under_the_net() -> None:
    bare = [
        f"{file}:{function.lineno} {function.name}"
        for file, function in functions()
        if (
            any("pyqtSlot" in ast.unparse(mark) for mark in function.decorator_list)
            or any(letter.isupper() for letter in function.name)  # Qt's names alone are written so
        )
        and not is_under_net(function)
    ]
    assert bare == []
    assert {"send", "requestStarted", "closeEvent"} <= COVERED


def test_all_that_is_given_to_a_signal_is_under_the_net() -> None:
    given = list(called_by_qt())
    assert len(given) > 10
    bare = []
    for place, what in given:
        text = ast.unparse(what)
        own = text.startswith(("under_net(", "QWebEngine"))  # Qt's own code
        if not own and text.rpartition(".")[2] not in COVERED:
            bare.append(f"{place} {text}")
    assert bare == []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Code]:
    codes: list[Code] = []
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(safety, "_listeners", [])
    install(codes.append)
    return codes


@pytest.mark.logs("in the window")
def test_what_is_raised_is_told_and_logged_by_its_type_alone(
    told: list[Code], caplog: pytest.LogCaptureFixture
) -> None:
    @under_net
    def full() -> None:
        raise OSError(28, "private words")

    @under_net
    def wrong() -> bool:
        raise ValueError("private words")

    full()
    assert wrong() is False, "Qt wants a bool where it asks for one"
    assert told == [Code.STORAGE_FAILED, Code.INTERNAL]
    assert "OSError" in caplog.text
    assert "private" not in caplog.text


def test_arguments_that_a_slot_does_not_take_are_left_out(told: list[Code]) -> None:
    def none() -> int:
        return 1

    def one(a: int) -> int:
        return a

    def many(a: int, *rest: int) -> tuple[int, ...]:
        return a, *rest

    slots: list[Callable[..., Any]] = [none, one, many]
    assert [under_net(slot)(1, 2) for slot in slots] == [1, 1, (1, 2)]
    assert told == []


@pytest.mark.logs("in the window")
def test_what_no_net_has_caught_is_told_too(told: list[Code]) -> None:
    def fail() -> None:
        raise ValueError

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(OSError, OSError(), None)
    assert told == [Code.INTERNAL, Code.STORAGE_FAILED]


@pytest.mark.logs("in the window", "while telling")
def test_a_page_that_fails_too_ends_nothing(told: list[Code]) -> None:
    def tell(code: Code) -> None:
        raise RuntimeError

    install(tell)
    sys.excepthook(OSError, OSError(), None)
    assert told == []


@pytest.mark.logs("in the window")
def test_a_teller_under_the_net_that_fails_is_not_told_of_itself(told: list[Code]) -> None:
    tries: list[Code] = []

    @under_net
    def tell(code: Code) -> None:
        tries.append(code)
        raise RuntimeError

    install(tell)
    for _ in range(2):
        sys.excepthook(ValueError, ValueError(), None)
    assert tries == [Code.INTERNAL] * 2
