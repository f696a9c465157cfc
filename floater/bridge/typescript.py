"""Write the one API as TypeScript: types, lists of words, limits, so that the page copies none of them.

Run as ``python -m floater.bridge.typescript FILE`` (or `-` for standard output).
"""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import EnumMeta
from pathlib import Path
from typing import Any, Final, get_args

import msgspec.inspect as inspect

from floater import api
from floater.client.preferences import APPEARANCES
from floater.codes import Code
from floater.core.meet.technique import Technique
from floater.core.talk.danger import DANGEROUS_ENDINGS
from floater.core.talk.sniff import IMAGE_TYPES
from floater.languages import LANGUAGES
from floater.wire.limits import MAX_TEXT

LINE: Final = 110
"Characters of a line that the page's formatter allows."

_HEAD = "// Generated from {} by `python -m {}`. Do not edit.\n"

_EVENTS: Final = get_args(api.AnyEvent)
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
    commands, replies = get_args(api.AnyCommand), get_args(api.AnyReply)
    own = (cls for cls in vars(api).values() if getattr(cls, "__module__", "").startswith(f"{api.__name__}."))
    enums = [Code, Technique, *(cls for cls in own if isinstance(cls, EnumMeta))]
    return "\n".join(
        [
            _HEAD.format("floater/api", "floater.bridge.typescript"),
            *(_enum(cls) for cls in enums),
            words("Look", "LOOKS", "How the window may look.", APPEARANCES),
            words("Language", "LANGUAGES", "The languages there are words in.", LANGUAGES),
            words("ImageType", "IMAGE_TYPES", "What may be shown as an image.", sorted(IMAGE_TYPES)),
            words(
                "DangerousEnding",
                "DANGEROUS_ENDINGS",
                "Endings of names, in lower case, of files that may run a program when they are opened.",
                sorted(DANGEROUS_ENDINGS),
            ),
            number("MAX_TEXT", "UTF-8 bytes of one text.", MAX_TEXT),
            *_interfaces((*commands, *replies, *_EVENTS)),
            _union("AnyEvent", map(_name, _EVENTS)),
            *command_types(commands, api.REPLIES),
        ]
    )


def command_types(
    commands: Sequence[type[api.Command]], replies: Mapping[Any, type], prefix: str = ""
) -> list[str]:
    """The union of commands, and what each is replied with."""
    rows = [f"  {cls.__struct_config__.tag}: {_name(replies.get(cls, api.Empty))};" for cls in commands]
    return [
        _union(f"Any{prefix}Command", map(_name, commands)),
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
    values = [str(member.value) for member in cls]  # type: ignore[var-annotated]  # members of any enum
    name = "".join(f"_{letter}" if letter.isupper() else letter for letter in cls.__name__)
    return words(cls.__name__, _plural(name.strip("_").upper()), _first_line(cls), values)


def _plural(name: str) -> str:
    return name if name.endswith("ED") else f"{name}S"


def words(name: str, constant: str, comment: str, values: Iterable[str]) -> str:
    """A list of words, and the type of one of them."""
    quoted = [json.dumps(value, ensure_ascii=False) for value in values]
    head = f"export const {constant} = ["
    line = f"{head}{', '.join(quoted)}] as const;"
    if len(line) > LINE:
        line = "\n".join([head, *(f"  {value}," for value in quoted), "] as const;"])
    return f"/** {comment} */\n{line}\nexport type {name} = (typeof {constant})[number];\n"


def number(constant: str, comment: str, value: int) -> str:
    """A limit."""
    return f"/** {comment} */\nexport const {constant} = {value};\n"


def _interface(name: str, struct: inspect.StructType) -> str:
    lines = [f"{_comment(struct.cls)}export interface {name} {{"]
    if struct.tag_field is not None:
        lines.append(f'  {struct.tag_field}: "{struct.tag}";')
    for field in struct.fields:
        optional = "?" if not field.required and _may_be_left_out(struct.cls) else ""
        lines.append(f"  {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([*lines, "}\n"])


def _may_be_left_out(cls: type) -> bool:
    """Return whether a field with a default may be missing, in a command or in what we send."""
    return issubclass(cls, api.Command) or bool(cls.__struct_config__.omit_defaults)  # type: ignore[attr-defined]  # a Struct


def _type(found: Any) -> str:
    match found:
        case inspect.UnionType(types=types) if [getattr(t, "cls", None) for t in types] == [*_EVENTS]:
            return "AnyEvent"
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
    return f"/** {_first_line(cls)} */\n"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def _union(name: str, members: Iterable[str]) -> str:
    return "\n".join([f"export type {name} =", *(f"  | {member}" for member in members)]) + ";\n"


def shell_typescript(
    commands: Sequence[type[api.Command]],
    replies: Mapping[Any, type],
    source: str,
    tool: str,
    constants: Sequence[str] = (),
) -> str:
    """The commands of one face alone, in terms of those of the one API.

    Args:
        commands: what this face can be asked.
        replies: what those that succeed are replied with, where that is not `Empty`.
        source: the file that they are in.
        tool: the module that writes them.
        constants: made by `words` and `number`.
    """
    shared = {cls for cls in replies.values() if cls.__module__.startswith(f"{api.__name__}.")} | {api.Empty}
    names = ", ".join(sorted(_name(cls) for cls in shared))
    return "\n".join(
        [
            _HEAD.format(source, tool),
            f'import type {{ {names} }} from "./api.gen";\n',
            *constants,
            *_interfaces((*commands, *replies.values()), shared),
            *command_types(commands, replies, "Shell"),
        ]
    )


def write(text: str) -> None:
    """Write the text to the file of the first argument; to standard output if it is `-` or missing."""
    target = sys.argv[1] if len(sys.argv) > 1 else "-"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(typescript())
