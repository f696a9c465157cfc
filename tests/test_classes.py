"""Classes and files stay of a size that is read at once."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
FILES: Final = sorted(path for tree in ("floater", "server") for path in (ROOT / tree).rglob("*.py"))

MOST_METHODS: Final = 15
MOST_ATTRIBUTES: Final = 12
MOST_LINES: Final = 450

NOT_COUNTED: Final = {"property", "cached_property", "setter"}
"Decorators of methods that read like attributes."

# A line of CONTRIBUTING that lets a class be heavy: - `floater.net.meeting.Meeting`: why it is.
EXCEPTION: Final = re.compile(r"^- `((?:floater|server)\.[\w.]+)`: +\S.*$", re.MULTILINE)


class Weight(NamedTuple):
    methods: int
    attributes: int

    @property
    def is_heavy(self) -> bool:
        return self.methods > MOST_METHODS or self.attributes > MOST_ATTRIBUTES


def weight_of(node: ast.ClassDef) -> Weight:
    """Count the methods of a class but for `__init__` and properties, and the attributes that they set."""
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    counted = [method for method in methods if method.name != "__init__" and not is_property(method)]
    return Weight(len(counted), len({name for method in methods for name in attributes_set(method)}))


def is_property(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(part, ast.Name | ast.Attribute)
        and (part.id if isinstance(part, ast.Name) else part.attr) in NOT_COUNTED
        for part in method.decorator_list
    )


def attributes_set(method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Name the attributes that a method assigns on its first argument, also in tuples and loops."""
    if not method.args.args:
        return
    self_name = method.args.args[0].arg
    for node in ast.walk(method):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == self_name
        ):
            yield node.attr


def weights(path: Path) -> dict[str, Weight]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return {
        f"{module}.{node.name}": weight_of(node)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }


def test_no_class_is_heavy_but_those_that_contributing_explains() -> None:
    heavy = {name for path in FILES for name, weight in weights(path).items() if weight.is_heavy}
    explained = set(EXCEPTION.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    assert sorted(heavy - explained) == [], "too many methods or attributes"
    assert sorted(explained - heavy) == [], "light again, or gone: delete its line in CONTRIBUTING"


def test_no_file_is_long_but_the_tables_of_the_api() -> None:
    api = ROOT / "floater" / "api"
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in FILES
        if api not in path.parents
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_the_rules_count_what_they_are_for() -> None:
    source = """
class Thing:
    a_class_variable: int = 0
    def __init__(self): self.a, self.b = 1, 2
    def one(self): self.c: int = 3; other.d = 4
    async def two(this): this.e += 1
    @property
    def f(self): return self.a
    @f.setter
    def f(self, value): self.a = value
    @staticmethod
    def three(): pass
"""
    (thing,) = ast.parse(source).body
    assert isinstance(thing, ast.ClassDef)
    assert weight_of(thing) == Weight(methods=3, attributes=4)
    assert not Weight(MOST_METHODS, MOST_ATTRIBUTES).is_heavy
    assert Weight(MOST_METHODS + 1, 0).is_heavy
    assert Weight(0, MOST_ATTRIBUTES + 1).is_heavy
    assert EXCEPTION.findall("- `floater.a.B`: a table\n- `floater.a.C`:\n- `coverage`: x") == ["floater.a.B"]
