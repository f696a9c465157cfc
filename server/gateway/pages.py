"""What the pages say and do: activation, a new password, health.

To look at a page changes nothing, because mail scanners open every link before
the person does. Only the button of a page does something.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from floater.codes import Code
from floater.errors import ServerRefused
from floater.languages import LANGUAGES, choose_language
from floater.wire import control
from server.services.account_parts import Source
from server.services.accounts import Accounts
from server.services.onetimes import ACTIVATE_PAGE, RESET_PAGE
from server.services.words import read_page, render, sentence_of, words_of

HEALTH_PAGE: Final = "/health"
FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 16

Asking = TypeVar("Asking", bound=control.Request)

_STATUS: Final = {
    Code.TOO_MANY_TRIES: 429,
    Code.BUSY: 503,
    Code.STORAGE_FAILED: 503,
    Code.INTERNAL: 500,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """An HTTP request that was read in full."""

    method: str
    target: str
    headers: Mapping[str, str]
    "Names in lower case."
    body: bytes
    source: Source


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, without the headers that all responses have."""

    status: int
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Form:
    action: str
    button: str
    token: str = ""
    email: str = ""
    asks_password: bool = False


@dataclass(frozen=True, slots=True)
class _PageRequest:
    """A request to a page, with the fields that were found in it."""

    path: str
    language: str
    token: str
    fields: dict[str, str] = field(default_factory=dict)


async def answer(accounts: Accounts, asked: Asked) -> Answer:
    """Answer one request, whatever it holds."""
    try:
        url = urlsplit(asked.target)
        query = dict(parse_qsl(url.query, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return plain(400)
    if url.path == HEALTH_PAGE:
        return await _health(accounts) if asked.method in ("GET", "HEAD") else _not_allowed("GET, HEAD")
    language = choose_language(query.get("lang") or asked.headers.get("accept-language", ""))
    if url.path not in (ACTIVATE_PAGE, RESET_PAGE):
        return _page(404, language, title=words_of(language)["page.not_found.title"])
    if asked.method in ("GET", "HEAD"):
        return _show(_PageRequest(url.path, language, query.get("token", "")))
    if asked.method != "POST":
        return _not_allowed("GET, HEAD, POST")
    if asked.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return plain(415)
    try:
        pairs = parse_qsl(asked.body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return plain(400)
    fields = dict(pairs)
    return await _obey(
        accounts, _PageRequest(url.path, language, fields.get("token", ""), fields), asked.source
    )


def plain(status: int) -> Answer:
    """Return an answer that is a status and nothing more."""
    return Answer(status, b"", "text/plain; charset=utf-8")


def security_policy() -> str:
    """Return the pages' Content-Security-Policy: our style, forms to ourselves, nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )


async def _health(accounts: Accounts) -> Answer:
    try:
        await accounts.check_health()
        status, word = 200, "ok"
    except ServerRefused as error:
        status, word = 503, error.code.value
    return Answer(status, json.dumps({"status": word}).encode("ascii") + b"\n", "application/json")


def _not_allowed(methods: str) -> Answer:
    return Answer(405, b"", "text/plain; charset=utf-8", (("Allow", methods),))


def _show(page: _PageRequest, problem: str = "", status: int = 200) -> Answer:
    """Show the form of a page."""
    words, name = words_of(page.language), _name(page)
    asks_password = page.path == RESET_PAGE
    text = words[f"page.{name}.enter"]
    if page.token:
        text = words["page.reset.choose" if asks_password else "page.activate.press"]
    form = _Form(
        page.path,
        words[f"page.{name}.button"],
        page.token,
        page.fields.get("email", ""),
        asks_password,
    )
    other = next(language for language in LANGUAGES if language != page.language)
    link = {"lang": other} | ({"token": page.token} if page.token else {})
    return _page(
        status,
        page.language,
        title=words[f"page.{name}.title"],
        text=text,
        problem=problem,
        form=form,
        other=f"{page.path}?{urlencode(link)}",
        other_language=other,
    )


async def _obey(accounts: Accounts, page: _PageRequest, source: Source) -> Answer:
    """Do what a page's button says."""
    words, name = words_of(page.language), _name(page)
    if page.path == RESET_PAGE and page.fields.get("password") != page.fields.get("repeat"):
        return _show(page, words["page.differ"], 400)
    try:
        if page.path == ACTIVATE_PAGE:
            await _activate(accounts, page, source)
        else:
            await _reset(accounts, page, source)
    except ServerRefused as error:
        status = _STATUS.get(error.code, 400)
        if error.code is Code.WRONG_CODE and page.token:
            title = words["page.refused.title"]
            return _page(status, page.language, title=title, problem=words["page.link_over"])
        shown = _show(page, sentence_of(error.code, page.language), status)
        if not error.retry_after:
            return shown
        retry = ("Retry-After", f"{error.retry_after + 0.5:.0f}")
        return Answer(shown.status, shown.body, shown.content_type, (retry,))
    return _page(200, page.language, title=words[f"page.{name}.title"], text=words[f"page.{name}.done"])


async def _activate(accounts: Accounts, page: _PageRequest, source: Source) -> None:
    if page.token:
        await accounts.activate_by_link(page.token, source)
    else:
        await accounts.activate(_read(page, control.Activate), source)


async def _reset(accounts: Accounts, page: _PageRequest, source: Source) -> None:
    if page.token:
        await accounts.passwords.reset_by_link(page.token, page.fields.get("password", ""), source)
    else:
        await accounts.passwords.reset(_read(page, control.ResetPassword), source)


def _read(page: _PageRequest, kind: type[Asking]) -> Asking:
    """Read a form as the message it stands for, by the message's own limits."""
    try:
        return msgspec.convert({"type": kind.__struct_config__.tag, "id": 1} | page.fields, kind)
    except msgspec.ValidationError:
        raise ServerRefused(Code.BAD_FIELD) from None


def _name(page: _PageRequest) -> str:
    return "activate" if page.path == ACTIVATE_PAGE else "reset"


def _page(
    status: int,
    language: str,
    *,
    title: str,
    text: str = "",
    problem: str = "",
    form: _Form | None = None,
    other: str = "",
    other_language: str = "",
) -> Answer:
    body = render(
        "page.html",
        language=language,
        words=words_of(language),
        style=_style(),
        title=title,
        text=text,
        problem=problem,
        form=form,
        other=other,
        other_language=other_language,
    )
    return Answer(status, body.encode("utf-8"))


@cache
def _style() -> str:
    return read_page("page.css")
