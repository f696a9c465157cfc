import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from floater.knobs import BadKnob, Positive, add_flags, knobs_of, read


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Knobs of a part."""

    patience: float = field(default=2.0, metadata={"knob": "inner_patience"})
    "Seconds of the part: 100 %."


@dataclass(frozen=True, kw_only=True)
class Config:
    """Knobs of a program."""

    folder: Path
    "Folder for everything."

    patience: Positive = 1.0
    """Seconds
    to wait."""

    count: int = 3
    "How many."

    delay: float = 0.0
    "Seconds before the start."

    loud: bool = False
    "Whether to shout."

    name: str = "ann"
    "Name of the program."

    places: tuple[str, ...] = ()
    "HOST:PORT, several times."

    level: Literal["low", "high"] = "low"
    "How much."

    spare: Path | None = None
    "Another folder."

    inner: Inner = field(default_factory=Inner)
    "The part."


NEEDED = {"FLOATER_FOLDER": "data"}


def flags(*argv: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser, Config)
    return vars(parser.parse_args(argv))


def file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "floater.toml"
    path.write_text(text, "utf-8")
    return {**NEEDED, "FLOATER_CONFIG": str(path)}


def test_flags_come_before_variables_those_before_the_file_and_that_before_defaults(tmp_path: Path) -> None:
    environment = file(tmp_path, 'count = 1\npatience = 10\nname = "file"\ninner_patience = 9.5')
    made = read(Config, flags("--count", "5"), {**environment, "FLOATER_COUNT": "4", "FLOATER_NAME": "env"})
    assert made == Config(
        folder=Path("data"), count=5, name="env", patience=10.0, inner=Inner(patience=9.5), level="low"
    )


def test_every_type_is_read_from_text() -> None:
    environment = {
        "FLOATER_FOLDER": "~",
        "FLOATER_PATIENCE": " 7.5 ",
        "FLOATER_COUNT": "0",
        "FLOATER_DELAY": "0",
        "FLOATER_LOUD": "Yes",
        "FLOATER_NAME": "",
        "FLOATER_PLACES": "1.2.3.4:1, 5.6.7.8:2",
        "FLOATER_LEVEL": "HIGH",
        "FLOATER_SPARE": "x",
        "FLOATER_INNER_PATIENCE": "3",
        "FLOATER_OF_ANOTHER": "thing",
    }
    assert read(Config, {}, environment) == Config(
        folder=Path.home(),
        patience=7.5,
        count=0,
        delay=0.0,
        loud=True,
        name="",
        places=("1.2.3.4:1", "5.6.7.8:2"),
        level="high",
        spare=Path("x"),
        inner=Inner(patience=3.0),
    )


def test_every_type_is_read_from_flags_and_from_a_file(tmp_path: Path) -> None:
    made = Config(folder=Path("x"), loud=True, places=("a:1", "b:2"), level="high", delay=1.0)
    given = flags(
        "--folder", "x", "--loud", "--places", "a:1", "--places", "b:2", "--level", "high", "--delay", "1"
    )  # fmt: skip
    assert read(Config, given, {}) == made
    text = 'folder = "x"\nloud = true\nplaces = ["a:1", "b:2"]\nlevel = "high"\ndelay = 1'
    path = file(tmp_path, text)["FLOATER_CONFIG"]
    assert read(Config, flags("--config", path), {"FLOATER_CONFIG": "no such file"}) == made
    assert not read(Config, flags("--no-loud"), {**NEEDED, "FLOATER_LOUD": "1"}).loud


def test_an_empty_variable_is_not_set_unless_it_is_a_text() -> None:
    empty = {knob.variable: "" for knob in knobs_of(Config)}
    assert read(Config, {}, {**empty, **NEEDED}) == Config(folder=Path("data"), name="")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PATIENCE", "long", "a number of at least 0.001"),
        ("PATIENCE", "0", "a number of at least 0.001"),
        ("DELAY", "nan", "a number of at least 0"),
        ("DELAY", "inf", "a number of at least 0"),
        ("DELAY", "-1", "a number of at least 0"),
        ("COUNT", "1.5", "a whole number of at least 0"),
        ("COUNT", "-1", "a whole number of at least 0"),
        ("LOUD", "perhaps", "yes or no"),
        ("LEVEL", "middle", "one of low, high"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named_with_what_would(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(BadKnob) as refused:
        read(Config, {}, {**NEEDED, f"FLOATER_{name}": value})
    assert str(refused.value) == f"FLOATER_{name}: {value!r} is not {expected}."


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("folder = 5", "folder: 5 is not the name of a folder."),
        ('folder = ""', "folder: '' is not the name of a folder."),
        ("name = 5", "name: 5 is not a text."),
        ("places = [5]", "places: [5] is not a list of texts."),
        ("pleaces = []", "there is no knob pleaces."),
        ("[inner]\npatience = 2", "there is no knob inner."),
    ],
)
def test_a_line_of_the_file_that_makes_no_sense_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    environment = file(tmp_path, text)
    if text.startswith("folder"):
        del environment["FLOATER_FOLDER"]
    with pytest.raises(BadKnob) as refused:
        read(Config, {}, environment)
    assert str(refused.value) == f"{environment['FLOATER_CONFIG']}: {complaint}"


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadKnob, match=r"floater\.toml is not a TOML file: .*line 1.*\.$"):
        read(Config, {}, file(tmp_path, "count\n"))
    (tmp_path / "floater.toml").write_bytes(b"\xff")
    with pytest.raises(BadKnob, match=r"floater\.toml is not a TOML file"):
        read(Config, {"config": str(tmp_path / "floater.toml")}, NEEDED)
    with pytest.raises(BadKnob, match=r"cannot be read \(IsADirectoryError\)"):
        read(Config, {"config": str(tmp_path)}, NEEDED)


def test_a_knob_without_a_default_has_to_be_given() -> None:
    with pytest.raises(BadKnob) as refused:
        read(Config, {}, {})
    assert str(refused.value) == "--folder (or FLOATER_FOLDER) is needed: Folder for everything."


def test_the_help_says_every_knob_with_its_sentence_and_default() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Config)
    text = " ".join(parser.format_help().split())
    for said in (
        "--config FILE TOML file with a line `name = value`",
        "--folder DIR Folder for everything.",
        "--patience NUMBER Seconds to wait. Default: 1.0",
        "--loud, --no-loud Whether to shout.",
        "--places TEXT HOST:PORT, several times.",
        "--level WORD How much. Default: low",
        "--inner-patience NUMBER Seconds of the part: 100 %. Default: 2.0",
    ):
        assert said in text


def test_only_the_knobs_that_are_asked_for_get_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Config, ("name",))
    assert vars(parser.parse_args(["--name", "bob"])) == {"config": None, "name": "bob"}
    with pytest.raises(SystemExit):
        parser.parse_args(["--count", "1"])
    assert "--count" in capsys.readouterr().err
