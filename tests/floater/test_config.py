import ast
from dataclasses import fields
from pathlib import Path

import pytest

from floater import config
from floater.config import ClientConfig, config_from


def test_what_is_given_wins_over_the_environment_and_that_over_the_defaults(tmp_path: Path) -> None:
    environment = {"FLOATER_GRACE": "2.5", "FLOATER_SERVER": "example.org", "FLOATER_MAX_FILE": "10"}
    made = config_from(environment, data_dir=tmp_path, server="other.org", proxy=None)
    assert (made.grace, made.server, made.max_file, made.data_dir) == (2.5, "other.org", 10, tmp_path)
    assert made.head_start == ClientConfig.head_start


def test_a_value_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="FLOATER_GRACE"):
        config_from({"FLOATER_GRACE": "long"})


def test_every_knob_has_a_sentence() -> None:
    (knobs,) = (
        node
        for node in ast.parse(Path(config.__file__).read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "ClientConfig"
    )
    described = {
        before.target.id
        for before, after in zip(knobs.body, knobs.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
    assert described == {knob.name for knob in fields(ClientConfig)}
