"""A program to compare the window with: a page with one word, in a bare Qt WebEngine view.

`python -m benchmarks.blank` shows it until SIGTERM.
"""

import signal
import sys
from typing import Final

from PyQt6.QtCore import QUrl
from PyQt6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile
from PyQt6.QtWebEngineWidgets import QWebEngineView
from PyQt6.QtWidgets import QApplication

PAGE: Final = "data:text/html,<title>blank</title><body><main class=Blank>漂</main>"


def main() -> None:
    """Show it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing needs to be saved
    qt = QApplication(sys.argv[:1])
    profile = QWebEngineProfile(qt)
    view = QWebEngineView()
    view.setPage(QWebEnginePage(profile, view))
    view.resize(460, 760)
    view.load(QUrl(PAGE))
    view.show()
    sys.exit(qt.exec())


if __name__ == "__main__":
    main()
