"""The sentences and templates of mails and pages: `server/pages/`, and for codes `floater/locales/`."""

import json
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from floater.codes import Code

LANGUAGES: Final = ("en", "zh")
_LOCALES: Final = {"en": "en", "zh": "zh-CN"}


def pick_language(tag: str) -> str:
    """Return the language to use for a BCP 47 tag; `en` if we do not have it."""
    return "zh" if tag.lower().replace("_", "-").split("-")[0] == "zh" else "en"


@cache
def words_of(language: str) -> dict[str, str]:
    """Return all sentences of a language, by key."""
    words: dict[str, str] = json.loads(read_page(f"{language}.json"))
    return words


def sentence_of(code: Code, language: str) -> str:
    """Return the sentence of a code; that of `internal` for a code without one."""
    sentences = _sentences(_LOCALES[language])
    return sentences.get(f"code.{code.value}") or sentences["code.internal"]


def read_page(name: str) -> str:
    """Read a file of `server/pages/`."""
    return resources.files("server").joinpath("pages", name).read_text("utf-8")


def render(template: str, **values: Any) -> str:
    """Fill in a template. Values are escaped in `.html`."""
    return _environment().get_template(template).render(values)


@cache
def _sentences(locale: str) -> dict[str, str]:
    text = resources.files("floater").joinpath("locales", f"{locale}.json").read_text("utf-8")
    sentences: dict[str, str] = json.loads(text)
    return sentences


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(read_page),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
