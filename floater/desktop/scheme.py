"""The page's own scheme: `floater://app/…` for the page, `floater://media/…` for the bytes of pictures.

The page can load nothing else: its policy names no other origin, and no file
and no remote address stands behind these.

- `GET floater://app/PATH`: the built page, from this package; `qwebchannel.js` from Qt.
- `GET floater://media/TALK/TRANSFER`: a picture the person has accepted, under
  the type its own bytes show and no other.
- `POST floater://media/upload?talk=TALK&name=NAME&size=BYTES`: a picture or file
  pasted or dropped into a talk, as an array of bytes; answered with its number as
  text, or with the code why it could not be kept.
"""

from collections.abc import Callable
from importlib import resources
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from PyQt6.QtCore import QBuffer, QByteArray, QFile, QIODevice, QUrl, QUrlQuery
from PyQt6.QtWebEngineCore import (
    QWebEngineUrlRequestJob,
    QWebEngineUrlScheme,
    QWebEngineUrlSchemeHandler,
)

from floater.desktop.safety import under_net
from floater.failures import write_failure

NAME: Final = b"floater"
PAGE: Final = "floater://app/index.html"
MAX_UPLOAD: Final = 64 << 20
"Bytes. What is larger goes through the file dialog, which needs no copy of it."

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' floater://media blob: data:; connect-src floater://media; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "worker-src 'none'; sandbox allow-scripts allow-same-origin allow-forms"
)
_CHANNEL: Final = "/qwebchannel.js"
_TYPES: Final = {
    ".html": b"text/html", ".js": b"text/javascript", ".css": b"text/css",
    ".svg": b"image/svg+xml", ".woff2": b"font/woff2", ".png": b"image/png",
}  # fmt: skip


def register() -> None:
    """Make the scheme known. Must be called before the QApplication exists."""
    scheme = QWebEngineUrlScheme(NAME)
    scheme.setSyntax(QWebEngineUrlScheme.Syntax.Host)
    flag = QWebEngineUrlScheme.Flag
    scheme.setFlags(flag.SecureScheme | flag.CorsEnabled | flag.FetchApiAllowed)
    QWebEngineUrlScheme.registerScheme(scheme)


class SchemeHandler(QWebEngineUrlSchemeHandler):
    """Answers the page's requests.

    Args:
        picture: (talk, transfer) → (MIME type, path) of an accepted picture, or None.
        upload: (talk, name, bytes) → the number under which it can be sent.
    """

    def __init__(
        self,
        picture: Callable[[str, str], tuple[str, str] | None],
        upload: Callable[[str, str, bytes], int],
    ) -> None:
        super().__init__()
        self._picture = picture
        self._upload = upload

    @under_net
    def requestStarted(self, job: QWebEngineUrlRequestJob | None) -> None:
        """Answer one request, or fail it."""
        assert job is not None
        url = job.requestUrl()
        method = job.requestMethod().data()
        own = job.initiator().toString() in ("floater://app", "null", "")
        if not own:
            job.fail(QWebEngineUrlRequestJob.Error.RequestDenied)
        elif (url.host(), url.path(), method) == ("app", _CHANNEL, b"GET"):
            # Not as a script of the profile: Qt leaves those out once a navigation has been refused (6.11).
            file = QFile(":/qtwebchannel/qwebchannel.js")
            file.open(QIODevice.OpenModeFlag.ReadOnly)
            _reply(job, _TYPES[".js"], file.readAll().data(), {})
        elif (url.host(), method) == ("app", b"GET"):
            self._page(job, url.path())
        elif (url.host(), method) == ("media", b"GET"):
            self._media(job, url.path(QUrl.ComponentFormattingOption.FullyEncoded))
        elif (url.host(), url.path(), method) == ("media", "/upload", b"POST"):
            self._take_upload(job, QUrlQuery(url))
        else:
            job.fail(QWebEngineUrlRequestJob.Error.UrlNotFound)

    def _page(self, job: QWebEngineUrlRequestJob, path: str) -> None:
        name = PurePosixPath(path.lstrip("/") or "index.html")
        kind = _TYPES.get(name.suffix)
        file = resources.files("floater.desktop").joinpath("page", *name.parts)
        if kind is None or ".." in name.parts or not file.is_file():
            job.fail(QWebEngineUrlRequestJob.Error.UrlNotFound)
            return
        _reply(job, kind, file.read_bytes(), {b"Content-Security-Policy": POLICY.encode("ascii")})

    def _media(self, job: QWebEngineUrlRequestJob, path: str) -> None:
        talk, _, transfer = path.strip("/").partition("/")
        found = self._picture(unquote(talk), unquote(transfer))
        if found is None:
            job.fail(QWebEngineUrlRequestJob.Error.UrlNotFound)
            return
        kind, path = found
        file = QFile(path, job)
        if not file.open(QIODevice.OpenModeFlag.ReadOnly):
            job.fail(QWebEngineUrlRequestJob.Error.UrlNotFound)
            return
        _headers(job, {})
        job.reply(kind.encode("ascii"), file)

    def _take_upload(self, job: QWebEngineUrlRequestJob, query: QUrlQuery) -> None:
        decoded = QUrl.ComponentFormattingOption.FullyDecoded
        talk, name = (query.queryItemValue(key, decoded) for key in ("talk", "name"))
        size = int(text) if (text := query.queryItemValue("size")).isdecimal() else -1
        body = job.requestBody()
        if not 0 <= size <= MAX_UPLOAD or (body is None and size > 0):
            job.fail(QWebEngineUrlRequestJob.Error.RequestAborted)
            return
        # The device forgets where it was and what it had between two reads (Qt 6.11): so it is read once, and
        # the page says how much there is.
        data: bytes | None = b""
        if body is not None and size > 0:
            if not body.isOpen():
                body.open(QIODevice.OpenModeFlag.ReadOnly)
            data = body.read(size)
        if data is None or len(data) != size:
            job.fail(QWebEngineUrlRequestJob.Error.RequestAborted)
            return
        try:
            answer = str(self._upload(talk, name, data))
        except OSError as error:  # an answer, because the page does not always hear that a request has failed
            answer = write_failure(error).value
        _reply(job, b"text/plain", answer.encode("ascii"), {})


def _headers(job: QWebEngineUrlRequestJob, extra: dict[bytes, bytes]) -> None:
    headers = {
        b"X-Content-Type-Options": b"nosniff",
        b"Cache-Control": b"no-store",
        b"Access-Control-Allow-Origin": b"floater://app",
        b"Cross-Origin-Resource-Policy": b"same-site",
        **extra,
    }
    job.setAdditionalResponseHeaders({QByteArray(k): [QByteArray(v)] for k, v in headers.items()})


def _reply(job: QWebEngineUrlRequestJob, kind: bytes, data: bytes, extra: dict[bytes, bytes]) -> None:
    buffer = QBuffer(job)
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    _headers(job, extra)
    job.reply(kind, buffer)
