"""Write the one API as TypeScript types, so that the page's types are never typed twice.

Run as ``python -m floater.bridge.typescript FILE`` (or `-` for standard output).
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from enum import EnumMeta
from pathlib import Path
from typing import Any, get_args

import msgspec.inspect as inspect

from floater import api
from floater.codes import Code

_HEAD = "// Generated from {} by `python -m {}`. Do not edit.\n"

_PLAIN: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.BytesType: "string",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
}


def typescript() -> str:
    """All of `floater.api` as one TypeScript module. Bytes are base64 strings there."""
    commands, replies, events = (get_args(union) for union in (api.AnyCommand, api.AnyReply, api.AnyEvent))
    own = (cls for cls in vars(api).values() if getattr(cls, "__module__", "").startswith(f"{api.__name__}."))
    enums = [Code, *(cls for cls in own if isinstance(cls, EnumMeta))]
    members = " | ".join(_name(cls) for cls in events)
    return "\n".join(
        [
            _HEAD.format("floater/api", "floater.bridge.typescript"),
            *(_enum(cls) for cls in enums),
            *_interfaces((*commands, *replies, *events)),
            f"export type AnyEvent = {members};\n",
            *command_types(commands, api.REPLIES),
        ]
    )


def command_types(
    commands: Sequence[type[api.Command]], replies: Mapping[Any, type], prefix: str = ""
) -> list[str]:
    """The union of commands, and what each is replied with."""
    members = " | ".join(_name(cls) for cls in commands)
    rows = [f"  {cls.__struct_config__.tag}: {_name(replies.get(cls, api.Empty))};" for cls in commands]
    return [
        f"export type Any{prefix}Command = {members};\n",
        "\n".join(
            [
                "/** What each command is replied with. */",
                f"export interface {prefix}Replies {{",
                *rows,
                "}\n",
            ]
        ),
    ]


def _interfaces(classes: Sequence[type], known: Collection[type] = ()) -> list[str]:
    structs: dict[str, inspect.StructType] = {}
    for cls in classes:
        _collect(inspect.type_info(cls), structs)
    return [_interface(name, struct) for name, struct in structs.items() if struct.cls not in known]


def _name(cls: type) -> str:
    """The name of a class there; commands and events that share a word are told apart."""
    if issubclass(cls, api.Command):
        return cls.__name__ + "Command"
    if issubclass(cls, api.Event):
        return cls.__name__ + "Event"
    return cls.__name__


def _collect(found: Any, structs: dict[str, inspect.StructType]) -> None:
    if isinstance(found, inspect.StructType):
        if structs.setdefault(_name(found.cls), found) is found:
            for field in found.fields:
                _collect(field.type, structs)
    elif isinstance(found, inspect.UnionType):
        for member in found.types:
            _collect(member, structs)
    elif isinstance(found, inspect.ListType | inspect.VarTupleType):
        _collect(found.item_type, structs)


def _enum(cls: EnumMeta) -> str:
    words = " | ".join(f'"{member.value}"' for member in cls)  # type: ignore[var-annotated]  # members of any enum
    return f"{_comment(cls)}export type {cls.__name__} = {words};\n"


def _interface(name: str, struct: inspect.StructType) -> str:
    lines = [f"{_comment(struct.cls)}export interface {name} {{"]
    if struct.tag_field is not None:
        lines.append(f'  {struct.tag_field}: "{struct.tag}";')
    for field in struct.fields:
        optional = "" if field.required or issubclass(struct.cls, api.Event) else "?"
        lines.append(f"  {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([*lines, "}\n"])


def _type(found: Any) -> str:
    match found:
        case inspect.StructType(cls=cls):
            return _name(cls)
        case inspect.EnumType(cls=cls):
            return cls.__name__
        case inspect.UnionType(types=types):
            return " | ".join(_type(member) for member in types)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            inner = _type(item)
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case inspect.AnyType():
            return "unknown"
        case _:
            return _PLAIN[type(found)]


def _comment(cls: type) -> str:
    return f"/** {(cls.__doc__ or '').strip().splitlines()[0]} */\n"


def shell_typescript(
    commands: Sequence[type[api.Command]], replies: Mapping[Any, type], source: str, tool: str
) -> str:
    """The commands of a face of its own, in terms of those of the one API."""
    shared = {cls for cls in replies.values() if cls.__module__.startswith(f"{api.__name__}.")} | {api.Empty}
    names = ", ".join(sorted(_name(cls) for cls in shared))
    return "\n".join(
        [
            _HEAD.format(source, tool),
            f'import type {{ {names} }} from "./api.gen";\n',
            *_interfaces((*commands, *replies.values()), shared),
            *command_types(commands, replies, "Shell"),
        ]
    )


def write(text: str) -> None:
    """Write the types where the first argument says; `-` or nothing is standard output."""
    target = sys.argv[1] if len(sys.argv) > 1 else "-"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(typescript())
