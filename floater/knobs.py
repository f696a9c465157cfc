"""One reader for the knobs of a program: flags, then `FLOATER_*` variables, then a TOML file, then defaults.

The knobs are the fields of a frozen dataclass; the sentence under a field is its line in `--help`. A field
whose type is again such a class stands for the knobs of that class. A knob `grace` is the flag `--grace`,
the variable `FLOATER_GRACE` and the key `grace` of the file, which `--config` or `FLOATER_CONFIG` names.
"""

import argparse
import ast
import dataclasses
import inspect
import math
import tomllib
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")

Positive = Annotated[float, msgspec.Meta(ge=0.001)]
"A number of at least 0.001, for a duration or rate that must not be 0."

CONFIG: Final = "config"
"Name of the flag and variable that name the TOML file."

NAME: Final = "knob"
"Key of `dataclasses.field(metadata=...)` for the name of a knob that is not the name of its field."

_BOOLS: Final = {"yes": True, "on": True, "no": False, "off": False}
"What people write beside the words that msgspec knows: 1, 0, true, false."


class BadKnob(ValueError):
    """A flag, variable or file holds a value that its knob cannot have; the text is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One thing that may be decided."""

    name: str
    hint: Any
    sentence: str
    field: "Field[Any]"

    @property
    def flag(self) -> str:
        """The flag: `--relay-wait`."""
        return flag(self.name)

    @property
    def variable(self) -> str:
        """The environment variable: `FLOATER_RELAY_WAIT`."""
        return variable(self.name)

    @property
    def is_needed(self) -> bool:
        """Whether the knob has no default."""
        return self.field.default is MISSING and self.field.default_factory is MISSING

    @property
    def default(self) -> Any:
        """The default as `--help` shows it; None if the knob has none, an empty one, or none here."""
        if self.field.default_factory is not MISSING:
            try:
                return self.field.default_factory()
            except ValueError:  # such as a folder in a home that this user does not have
                return None
        return None if self.field.default in (MISSING, "", ()) else self.field.default


def flag(name: str) -> str:
    """Turn the name of a knob into its flag."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Turn the name of a knob into its environment variable."""
    return f"FLOATER_{name.upper()}"


def knobs_of(config: type[Any]) -> tuple[Knob, ...]:
    """List the knobs of a dataclass, those of a nested class in place of the field that holds it."""
    return tuple(
        knob
        for found in _fields(config).values()
        for knob in ((found,) if isinstance(found, Knob) else knobs_of(found))
    )


def _fields(config: type[Any]) -> dict[str, Knob | type[Any]]:
    """Tell for each field of a class which knob it is, or which class of knobs it holds."""
    hints, sentences = get_type_hints(config, include_extras=True), _sentences(config)
    return {
        field.name: hints[field.name]
        if dataclasses.is_dataclass(hints[field.name])
        else Knob(
            name=field.metadata.get(NAME, field.name),
            hint=hints[field.name],
            sentence=sentences[field.name],
            field=field,
        )
        for field in dataclasses.fields(config)
    }


def _sentences(config: type[Any]) -> dict[str, str]:
    """Read the string under each field of a class."""
    (body,) = (
        node.body for node in ast.parse(inspect.getsource(config)).body if isinstance(node, ast.ClassDef)
    )
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


# -- flags --------------------------------------------------------------------------------


def add_flags(
    parser: argparse.ArgumentParser, config: type[Any], names: Collection[str] | None = None
) -> None:
    """Give a parser `--config`, and a flag for each knob; a flag that is not given is None.

    Args:
        parser: gets the flags.
        config: a dataclass of knobs.
        names: the knobs that get a flag; None: all of them.
    """
    parser.add_argument(
        flag(CONFIG), metavar="FILE", help="TOML file with a line `name = value` for each knob it decides."
    )
    for knob in knobs_of(config):
        if names is not None and knob.name not in names:
            continue
        default = knob.default
        ends = "" if default is None else f" Default: {default}"
        text = (knob.sentence + ends).replace("%", "%%")
        match _kind(knob.hint):
            case "bool":
                parser.add_argument(knob.flag, action=argparse.BooleanOptionalAction, default=None, help=text)
            case "texts":
                parser.add_argument(knob.flag, action="append", metavar="TEXT", help=text)
            case kind:
                parser.add_argument(knob.flag, metavar=_METAVARS[kind], help=text)


# -- values -------------------------------------------------------------------------------


def read(config: type[T], flags: Mapping[str, Any], environment: Mapping[str, str]) -> T:
    """Build a config from what flags, environment and file hold.

    An empty variable counts as not set, unless its knob is a text.

    Args:
        config: a dataclass of knobs.
        flags: values by the name of the knob; None: not given. Other names are ignored.
        environment: usually `os.environ`.

    Raises:
        BadKnob: a value that makes no sense, a knob without value or default, or a file that cannot be used.
    """
    named = flags.get(CONFIG) or environment.get(variable(CONFIG))
    return _build(config, flags, environment, _File.read(named, knobs_of(config)) if named else _File("", {}))


@dataclass(frozen=True)
class _File:
    path: str
    values: dict[str, Any]

    @classmethod
    def read(cls, path: str, knobs: tuple[Knob, ...]) -> "_File":
        try:
            values = tomllib.loads(_expand(path).read_text("utf-8"))
        except OSError as error:
            raise BadKnob(f"{path} cannot be read ({type(error).__name__}).") from error
        except ValueError as error:  # no TOML, or no UTF-8
            raise BadKnob(f"{path} is not a TOML file: {error}.") from error
        if unknown := sorted(values.keys() - {knob.name for knob in knobs}):
            raise BadKnob(f"{path}: there is no knob {unknown[0]}.")
        return cls(path, values)


def _build(config: type[T], flags: Mapping[str, Any], environment: Mapping[str, str], file: _File) -> T:
    values: dict[str, Any] = {}
    for name, knob in _fields(config).items():
        if not isinstance(knob, Knob):
            values[name] = _build(knob, flags, environment, file)
            continue
        text = environment.get(knob.variable, "")
        is_set = text or (knob.variable in environment and _kind(knob.hint) == "text")
        if (given := flags.get(knob.name)) is not None:
            values[name] = _convert(knob, given, knob.flag)
        elif is_set:
            values[name] = _convert(knob, text, knob.variable)
        elif knob.name in file.values:
            values[name] = _convert(knob, file.values[knob.name], f"{file.path}: {knob.name}")
        elif knob.is_needed:
            raise BadKnob(f"{knob.flag} (or {knob.variable}) is needed: {knob.sentence}")
    return config(**values)


def _convert(knob: Knob, value: Any, source: str) -> Any:
    kind, read = _kind(knob.hint), value
    if isinstance(value, str):
        match kind:
            case "texts":
                read = value.replace(",", " ").split()
            case "bool":
                read = _BOOLS.get(value.strip().lower(), value.strip())
            case "int" | "float":
                read = value.strip()
            case "choice":
                read = value.lower()
    try:
        made = msgspec.convert(read, knob.hint, strict=False, dec_hook=_folder)
        if kind in ("int", "float") and not (math.isfinite(made) and made >= 0):
            raise ValueError(made)
    except ValueError as error:
        raise BadKnob(f"{source}: {value!r} is not {_expected(knob.hint)}.") from error
    return made


def _folder(hint: type[Any], value: Any) -> Any:
    """Make the only type that msgspec does not know."""
    if hint is not Path or not isinstance(value, str) or not value:
        raise ValueError(value)
    return _expand(value)


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # no such home
        raise ValueError(text) from error


# -- types --------------------------------------------------------------------------------

_METAVARS: Final = {"float": "NUMBER", "int": "NUMBER", "text": "TEXT", "folder": "DIR", "choice": "WORD"}
_EXPECTED: Final = {
    "float": "a number of at least 0",
    "int": "a whole number of at least 0",
    "bool": "yes or no",
    "text": "a text",
    "texts": "a list of texts",
    "folder": "the name of a folder",
}


def _kind(hint: Any) -> str:
    """Name what a knob of this type holds: a key of `_METAVARS` or `_EXPECTED`."""
    match get_origin(hint):
        case typing.Annotated:
            return _kind(get_args(hint)[0])
        case typing.Literal:
            return "choice"
        case types.UnionType:  # `Path | None`
            return _kind(get_args(hint)[0])
        case origin if origin is tuple:
            return "texts"
    return {float: "float", int: "int", bool: "bool", str: "text", Path: "folder"}[hint]


def _expected(hint: Any) -> str:
    if hint == Positive:
        return "a number of at least 0.001"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    return _EXPECTED[_kind(hint)]
