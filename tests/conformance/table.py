"""The tables of the specification, read from its text, and the bytes that commit each fault of §3.3."""

import json
import re
import struct
from pathlib import Path
from typing import Any, Final

TEXT: Final = (Path(__file__).parents[2] / "protocol_spec.md").read_text("utf-8")


def faults() -> dict[str, tuple[str, str, str]]:
    """What each fault ends: on the server leg, on the peer leg before the stream is a link, and on a link."""
    _, *lines = rows("Which fault ends what:")
    return {fault: (server, stream, link) for fault, server, stream, link in lines}


def rows(title: str) -> list[list[str]]:
    """The cells of the table that follows a line: its head, then its rows."""
    head, _, *lines = TEXT.split(f"\n{title}\n\n")[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in (head, *lines)]


def cells(title: str) -> dict[tuple[str, str], str]:
    """What a state table says, by state and by each message that its head names; cells with `–` left out.

    A heading without a message is a name of its own.
    """
    (_, *head), *lines = rows(title)
    return {
        (state, word): cell
        for state, *row in lines
        for column, cell in zip(head, row, strict=True)
        for word in re.findall(r"`(\w+)`", column) or [column]
        if cell != "–"
    }


def frame(header: bytes | dict[str, Any], body: bytes = b"") -> bytes:
    """One frame, laid out by §3.1 and by no code of the program."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("!HI", len(raw), len(body)) + raw + body


def offence(fault: str, good: dict[str, Any], *, number: str, hello: dict[str, Any]) -> bytes:
    """The bytes that commit a fault.

    Args:
        fault: its name in the table.
        good: a message that would be right here.
        number: the name of an integer field of `good`.
        hello: the first message of this leg.
    """
    text = json.dumps(good)
    return {
        "empty header": struct.pack("!HI", 0, 0),
        "header too large": struct.pack("!HI", 16_385, 0),
        "body too large": struct.pack("!HI", 2, 1_048_577),
        "not UTF-8": frame(b"\xff\xfe"),
        "not JSON": frame(text[:-1].encode()),
        "byte order mark": frame(b"\xef\xbb\xbf" + text.encode()),
        "`NaN`": frame(text[:-1].encode() + b', "x": NaN}'),
        "no object": frame(b"[1]"),
        "no `type`": frame({key: value for key, value in good.items() if key != "type"}),
        "missing field": frame({key: value for key, value in good.items() if key != number}),
        "field of another type": frame({**good, number: "1"}),
        "integer with a fraction": frame({**good, number: 1.0}),
        "field beyond its limit": frame({**good, number: 2**53 + 2}),
        "no common version": frame({**hello, "versions": [2, 7]}),
        "another first message": frame(good),
        "second hello": frame(hello),
        "`choose` of the follower": frame({"type": "choose", "number": 9}),
        "unknown type": frame({"type": "dance"}),
        "unknown type before the first message": frame({"type": "dance"}) + frame(hello),
        "unknown field": frame({**good, "later": [1, {"a": None}]}),
        "equal keys": frame(text.replace("{", f'{{"{number}": 7, ', 1).encode()),
    }[fault]
