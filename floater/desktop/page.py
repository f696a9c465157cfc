"""The web view. It shows our page only: no other origin, window, download, permission or file."""

import logging
import os
import signal
from contextlib import suppress
from typing import Final

from PyQt6.QtCore import QObject, QTimer, QUrl, pyqtSignal
from PyQt6.QtWebChannel import QWebChannel
from PyQt6.QtWebEngineCore import (
    QWebEngineCertificateError,
    QWebEngineDownloadRequest,
    QWebEnginePage,
    QWebEnginePermission,
    QWebEngineProfile,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
)

from floater.desktop import scheme
from floater.desktop.channel import Channel
from floater.desktop.safety import under_net

log = logging.getLogger("floater.desktop")

RELOAD_PAUSE: Final = 500
"Milliseconds before a page whose renderer died is loaded again."

_ON: Final = QWebEngineSettings.WebAttribute
_SETTINGS: Final = {
    _ON.JavascriptEnabled: True,
    _ON.AutoLoadImages: True,
    _ON.FocusOnNavigationEnabled: True,
    _ON.JavascriptCanOpenWindows: False,
    _ON.JavascriptCanAccessClipboard: False,
    _ON.JavascriptCanPaste: False,
    _ON.LocalStorageEnabled: False,
    _ON.LocalContentCanAccessRemoteUrls: False,
    _ON.LocalContentCanAccessFileUrls: False,
    _ON.HyperlinkAuditingEnabled: False,
    _ON.PluginsEnabled: False,
    _ON.PdfViewerEnabled: False,
    _ON.FullScreenSupportEnabled: False,
    _ON.ScreenCaptureEnabled: False,
    _ON.WebGLEnabled: False,
    _ON.AllowRunningInsecureContent: False,
    _ON.AllowGeolocationOnInsecureOrigins: False,
    _ON.AllowWindowActivationFromJavaScript: False,
    _ON.PlaybackRequiresUserGesture: True,
    _ON.DnsPrefetchEnabled: False,
    _ON.NavigateOnDropEnabled: False,
    _ON.ErrorPageEnabled: False,
}


class _OnlyOurs(QWebEngineUrlRequestInterceptor):
    """Blocks every request that leaves this program."""

    @under_net
    def interceptRequest(self, info: QWebEngineUrlRequestInfo | None) -> None:
        assert info is not None
        if info.requestUrl().scheme() not in ("floater", "blob"):
            info.block(True)


class Page(QWebEnginePage):
    """The one page. It navigates nowhere, and is loaded again if its renderer dies or hangs."""

    failed = pyqtSignal()
    "The renderer has died, or was ended because it hung; the page is loaded again."

    def __init__(self, profile: QWebEngineProfile, channel: Channel, parent: QObject) -> None:
        super().__init__(profile, parent)
        settings = self.settings()
        assert settings is not None
        for attribute, value in _SETTINGS.items():
            settings.setAttribute(attribute, value)
        self._channel = channel
        self._objects = QWebChannel(self)
        self._objects.registerObject("channel", channel)
        self.setWebChannel(self._objects)
        self.permissionRequested.connect(QWebEnginePermission.deny)
        self.certificateError.connect(QWebEngineCertificateError.rejectCertificate)
        self.renderProcessTerminated.connect(self._come_back)
        channel.hangs.connect(self._end_renderer)

    @under_net
    def begin(self) -> None:
        """Load the page."""
        self.load(QUrl(scheme.PAGE))

    @under_net
    def acceptNavigationRequest(self, url: QUrl, kind: QWebEnginePage.NavigationType, main: bool) -> bool:
        """Allow the page to load itself again, and no other navigation."""
        return main and url.adjusted(QUrl.UrlFormattingOption.RemoveFragment) == QUrl(scheme.PAGE)

    @under_net
    def createWindow(self, kind: QWebEnginePage.WebWindowType) -> QWebEnginePage | None:
        """No window but ours."""
        return None

    @under_net
    def javaScriptConsoleMessage(
        self,
        level: QWebEnginePage.JavaScriptConsoleMessageLevel,
        message: str | None,
        line: int,
        source: str | None,
    ) -> None:
        """Log that the page failed and at which line; the message may quote the talk and is not logged."""
        if level is QWebEnginePage.JavaScriptConsoleMessageLevel.ErrorMessageLevel:
            log.warning("= page fails at line %d", line)

    @under_net
    def _come_back(self, status: QWebEnginePage.RenderProcessTerminationStatus, code: int) -> None:
        if status is not QWebEnginePage.RenderProcessTerminationStatus.NormalTerminationStatus:
            log.error("= renderer ended: %s, %d", status.name, code)
            self._channel.page_gone()
            self.failed.emit()
            QTimer.singleShot(RELOAD_PAUSE, self.begin)

    @under_net
    def _end_renderer(self) -> None:
        """End a renderer that hangs: it could not load a page either. `_come_back` follows."""
        log.error("= renderer hangs")
        if pid := self.renderProcessPid():
            with suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def make_profile(handler: scheme.SchemeHandler, parent: QObject) -> QWebEngineProfile:
    """Make an off-the-record profile that serves our scheme and refuses all else."""
    profile = QWebEngineProfile(parent)  # a profile without a name writes nothing to the disk
    profile.installUrlSchemeHandler(scheme.NAME, handler)
    profile.setUrlRequestInterceptor(_OnlyOurs(profile))
    profile.setHttpCacheType(QWebEngineProfile.HttpCacheType.NoCache)
    profile.setSpellCheckEnabled(False)
    profile.downloadRequested.connect(QWebEngineDownloadRequest.cancel)
    return profile
