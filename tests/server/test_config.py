"""Places are HOST:PORT, and every knob has a sentence that says what it is."""

import ast
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest

from server import config
from server.config import ServerConfig, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:7443", ("127.0.0.1", 7_443)),
        (" example.org:0 ", ("example.org", 0)),
        ("[::1]:65535", ("::1", 65_535)),
        (":7443", ("0.0.0.0", 7_443)),
    ],
)
def test_a_place_is_read(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:x", "host:65536", "::1:7443", "host:-1", "host:١"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_place(text)


def test_every_knob_has_a_sentence() -> None:
    tree = ast.parse(Path(config.__file__).read_text("utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    said = {
        field.target.id
        for field, sentence in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(sentence, ast.Expr)
    }
    assert said == {field.name for field in fields(ServerConfig)}
