"""Comments and docstrings avoid phrases that hide who acts, or which value is meant (see CONTRIBUTING)."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

# Say who acts, or which value it is: "the peer", "no host", "malformed", "the port that …".
BANNED: Final = re.compile(
    r"\b(?:whoever|whosoever|nobody|somebody|anybody|everybody)\b"
    r"|\bso long at most\b"
    r"|(?<!there )\bis (?-i:none)\b"  # "None if there is none" names the value
    r"|\bof wh(?:ich|om) no"
    r"|\bto be had\b"
    r"|\bwhether or no\b",
    re.IGNORECASE,
)
FILES: Final = sorted(
    path
    for pattern in ("floater/**/*.py", "server/**/*.py", "benchmarks/*.py", "tests/helpers/*.py")
    for path in ROOT.glob(pattern)
)


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """The first line and the text of every comment, docstring and sentence below an attribute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str):
                yield node.lineno, " ".join(text.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def offences(source: str) -> list[str]:
    """Every banned phrase, with the line at which its text begins."""
    return sorted(f"{line}: {found[0]}" for line, text in prose_of(source) for found in BANNED.finditer(text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_words_say_who_acts(path: Path) -> None:
    assert offences(path.read_text("utf-8")) == []


def test_a_banned_phrase_is_found_in_comments_and_docstrings_and_nowhere_else() -> None:
    source = '''
"""Wait; so long
at most."""
whoever = "nobody"  # Somebody waits.
x = 1
"None if there is none."
y = 2
"A port of which no peer knows, if it is none."
'''
    assert offences(source) == ["2: so long at most", "4: Somebody", "8: is none", "8: of which no"]
