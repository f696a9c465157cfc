"""One program for one data folder: a second one brings the first to the front."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PyQt6.QtNetwork import QLocalServer, QLocalSocket

from floater.desktop.safety import under_net

PATIENCE: Final = 500
"Milliseconds that another program may take to answer."


class Single:
    """Holds the name of a data folder among the programs of this person."""

    def __init__(self, data_dir: Path) -> None:
        self._name = "floater-" + hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:24]
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def is_second(self) -> bool:
        """Return whether another program has the name; it then comes to the front. If not, take the name."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(PATIENCE):
            socket.disconnectFromServer()
            return True
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return False

    def on_second(self, come_front: Callable[[], None]) -> None:
        """Call `come_front` whenever a second program is started."""

        @under_net
        def come() -> None:
            while (socket := self._server.nextPendingConnection()) is not None:
                socket.deleteLater()
            come_front()

        self._server.newConnection.connect(come)

    def close(self) -> None:
        """Give the name back."""
        self._server.close()
