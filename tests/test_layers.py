"""Imports point one way, and rooms that decide have no effects. A new room is added here first."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

# Leftwards only: a room imports itself and what stands before it.
CLIENT_ROOMS: Final = (
    "languages codes errors machine drive tasks loop whole failures lock knobs wire api crypto core config"
    " log sentences store net client bridge desktop cli __main__"
).split()
SERVER_ROOMS: Final = "errors config core storage bus services gateway app __main__".split()

# Rooms within a room that do not know each other, and the only words that they share.
STRANGERS: Final = {
    "floater.core.meet": {"floater.core.talk", "floater.core.person"},
    "floater.core.talk": {"floater.core.meet", "floater.core.person"},
    "floater.core.person": {"floater.core.meet", "floater.core.talk"},
}
# The one word of a stranger's that a room may use: who the peer is.
EXCEPTIONS: Final = {"floater.core.person": "floater.core.meet.introduction"}
# The bus is known by its face (`bus.base`); the app alone chooses one.
BUS_FACE: Final = "server.bus.base"
MAY_BUILD_A_BUS: Final = frozenset({"server.bus", "server.app"})
# Statements in SQL are written here alone; others hand connections through.
SQL: Final = frozenset({"sqlalchemy", "alembic", "aiosqlite", "sqlite3"})
SQL_ROOM: Final = "server.storage"
CONNECTION: Final = "sqlalchemy.ext.asyncio.AsyncConnection"

# What `api`, plain data, may use: the shared vocabulary, and the protocol's words.
API_MAY_USE: Final = frozenset({"floater.api", "floater.codes", "floater.wire"})

# What the server may use of the client's tree.
SHARED: Final = frozenset(
    "languages codes errors machine drive tasks loop whole failures lock knobs wire crypto log".split()
)

# These decide. They learn everything from their arguments.
PURE: Final = frozenset(
    "floater.languages floater.codes floater.errors floater.failures floater.machine floater.wire floater.api"
    " floater.core server.core".split()
)
EFFECTS: Final = frozenset(
    "asyncio concurrent contextvars datetime glob http io locale logging multiprocessing os pathlib queue"
    " random secrets select selectors shutil signal socket socketserver sqlite3 ssl subprocess sys tempfile"
    " threading time urllib.request uuid uvloop".split()
)
EFFECTFUL_CALLS: Final = frozenset({"open", "print", "input", "exec", "eval", "__import__"})

FILES: Final = sorted(
    path for tree in ("floater", "server") for path in (ROOT / tree).rglob("*.py") if path.parts[-1]
)


def room_of(module: str) -> str | None:
    """`floater.wire.frame` lives in `floater.wire`; None for packages and for others' modules."""
    parts = module.split(".")
    if parts[0] not in ("floater", "server") or len(parts) == 1:
        return None
    return ".".join(parts[:2])


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Every module imported anywhere in a file, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def trespasses(room: str, tree: ast.AST) -> list[str]:
    """What a file of this room imports although it stands to the right."""
    package, name = room.split(".")
    rooms = CLIENT_ROOMS if package == "floater" else SERVER_ROOMS
    allowed = {f"{package}.{other}" for other in rooms[: rooms.index(name) + 1]}
    if package == "server":
        allowed |= {f"floater.{other}" for other in SHARED}
    found = set()
    for module in imports_of(tree):
        target = room_of(module)
        if target is not None and target not in allowed and target not in ("floater.__version__",):
            found.add(module)
    return sorted(found)


def strays(module: str, tree: ast.AST) -> list[str]:
    """What a file imports of a room that it must not know although no floor lies between them."""
    own = ".".join(module.split(".")[:3])
    return sorted(
        name
        for name in imports_of(tree)
        if any(_is_in(name, other) for other in STRANGERS.get(own, set()))
        and not _is_in(name, EXCEPTIONS.get(own, ""))
    )


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def buses(tree: ast.AST) -> list[str]:
    """What a file imports of a certain bus, beside the face that all have."""
    names = [name for name in imports_of(tree) if name.startswith("server.bus.")]
    return sorted(name for name in names if name != BUS_FACE and not name.startswith(f"{BUS_FACE}."))


def sql(tree: ast.AST) -> list[str]:
    """What a file imports to speak SQL: anything of those packages but the type of a connection."""
    names = [name for name in imports_of(tree) if name.split(".")[0] in SQL]
    return sorted(name for name in names if name not in (CONNECTION, CONNECTION.rpartition(".")[0]))


def effects(tree: ast.AST) -> list[str]:
    """What a file uses that reaches outside its arguments."""
    found = {
        module
        for module in imports_of(tree)
        if module in EFFECTS or module.split(".")[0] in EFFECTS or module.rpartition(".")[0] in EFFECTS
    }
    found |= {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EFFECTFUL_CALLS
    }
    return sorted(found)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(module_of(path))
    tree = ast.parse(path.read_text("utf-8"))
    if room is None:
        assert [name for name in imports_of(tree) if room_of(name)] == [], (
            "a package imports nothing of itself"
        )
        return
    package, name = room.split(".")
    assert name in (CLIENT_ROOMS if package == "floater" else SERVER_ROOMS), "a new room is added here first"
    assert trespasses(room, tree) == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_meeting_and_talking_do_not_know_each_other(path: Path) -> None:
    assert strays(module_of(path), ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(module_of(path)) == "floater.api"], ids=module_of
)
def test_the_api_knows_nothing_but_the_protocol(path: Path) -> None:
    used = {room_of(name) for name in imports_of(ast.parse(path.read_text("utf-8")))} - {None}
    assert used <= API_MAY_USE


def test_services_know_no_bus_but_its_face() -> None:
    for path in FILES:
        if room_of(module_of(path)) not in MAY_BUILD_A_BUS:
            assert buses(ast.parse(path.read_text("utf-8"))) == [], path


def test_sql_is_written_in_the_storage_alone() -> None:
    for path in FILES:
        if path.parts[len(ROOT.parts)] == "server" and room_of(module_of(path)) != SQL_ROOM:
            assert sql(ast.parse(path.read_text("utf-8"))) == [], path


def test_no_two_files_of_the_server_import_each_other() -> None:
    """The circle connection, dispatch and what connections share was opened by `services.guests`."""
    modules = {module_of(path): path for path in FILES if module_of(path).startswith("server")}
    needs = {
        module: {name for name in imports_of(ast.parse(path.read_text("utf-8"))) if name in modules}
        for module, path in modules.items()
    }
    while leaves := [module for module, names in needs.items() if not names & needs.keys()]:
        for module in leaves:
            del needs[module]
    assert needs == {}


@pytest.mark.parametrize("path", [path for path in FILES if room_of(module_of(path)) in PURE], ids=module_of)
def test_rooms_that_decide_have_no_effects(path: Path) -> None:
    assert effects(ast.parse(path.read_text("utf-8"))) == []


def test_the_rules_catch_what_they_are_for() -> None:
    upwards = ast.parse("from floater.net import dialer")
    assert trespasses("floater.core", upwards) == ["floater.net", "floater.net.dialer"]
    assert trespasses("floater.cli", upwards) == []
    assert trespasses("server.core", ast.parse("import floater.core.talk.talk")) == ["floater.core.talk.talk"]
    assert trespasses("floater.api", ast.parse("from floater.wire import codec")) == []
    assert strays("floater.core.meet.path", ast.parse("from floater.core.talk import talk")) == [
        "floater.core.talk",
        "floater.core.talk.talk",
    ]
    assert strays("floater.core.meet.path", ast.parse("from floater.core import link")) == []
    introduced = ast.parse("from floater.core.meet.introduction import Introduction")
    assert strays("floater.core.person.standing", introduced) == []
    assert strays("floater.core.talk.talk", introduced) != []
    assert strays("floater.core.person.standing", ast.parse("from floater.core.meet import path")) != []
    local = ast.parse("from server.bus.local import LocalBus\nfrom server.bus.base import Bus")
    assert buses(local) == ["server.bus.local", "server.bus.local.LocalBus"]
    statement = "from sqlalchemy import select\nfrom sqlalchemy.ext.asyncio import AsyncConnection"
    assert sql(ast.parse(statement)) == ["sqlalchemy", "sqlalchemy.select"]
    assert effects(ast.parse("def f():\n    from os import path\n    open('x')")) == ["open", "os", "os.path"]
    assert effects(ast.parse("from urllib.parse import urlsplit")) == []


def test_nobody_but_the_entrances_reads_the_environment() -> None:
    """Flags, environment and files of settings come in through `config`, `__main__`, `cli`, `store`."""
    for path in FILES:
        room = room_of(module_of(path))
        if room in {"floater.__main__", "server.__main__", "floater.config", "floater.cli", "floater.store"}:
            continue
        names = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        }
        assert not names & {"environ", "getenv"}, path


# -- circles ------------------------------------------------------------------------------

MODULES: Final = {module_of(path): path for path in FILES}


def imported_files(module: str, tree: ast.AST) -> set[str]:
    """Which of our files a file names in its imports, also where only types are meant."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & MODULES.keys()) or {node.module}
    return (found & MODULES.keys()) - {module}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """List the sets of files that import each other, directly or through others (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            place = stack.index(module)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return sorted(found)


def test_no_files_import_each_other() -> None:
    graph = {
        module: imported_files(module, ast.parse(path.read_text("utf-8"))) for module, path in MODULES.items()
    }
    assert circles(graph) == []


def test_a_circle_is_found_through_others_and_where_only_types_are_meant() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    meant = ast.parse("if TYPE_CHECKING:\n    from floater.wire import control, frame")
    assert imported_files("floater.wire.talk", meant) == {"floater.wire.control", "floater.wire.frame"}
    assert imported_files("floater.api", ast.parse("from floater.api import Reply")) == set()
