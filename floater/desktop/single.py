"""One program for one data folder: a second one brings the first to the front."""

import hashlib
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from PyQt6.QtNetwork import QLocalServer, QLocalSocket

from floater.desktop.safety import under_net

PATIENCE: Final = 500
"Milliseconds that another program may take to answer."
SOCKET_FILE: Final = "window.sock"
MAX_PATH: Final = 100
"Bytes of a path that a socket may surely have, also while Qt makes it, in a folder beside."
_CREDENTIALS: Final = struct.Struct("3i")
"Process, user and group, as Linux tells them of the other end."


class Single:
    """Holds a data folder among the programs of this person.

    The socket lies in the folder, where no other person can make one. Where that is impossible, it has
    a name made from the folder's, in a place that all share, and counts only if it is this person's own.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.resolve()
        self._name = "floater-" + hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:24]
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def is_second(self) -> bool:
        """Return whether another program has the folder; it then comes to the front. If not, take it."""
        places = self._places()
        if any(_is_answered(place) for place in places):
            return True
        for place in places:
            QLocalServer.removeServer(place)
            if self._server.listen(place):
                break
        return False

    def on_second(self, come_front: Callable[[], None]) -> None:
        """Call `come_front` whenever a second program is started."""

        @under_net
        def come() -> None:
            while (other := self._server.nextPendingConnection()) is not None:
                other.deleteLater()
            come_front()

        self._server.newConnection.connect(come)

    def close(self) -> None:
        """Give the folder back."""
        self._server.close()

    def _places(self) -> list[str]:
        """Return the names of the socket, the better first."""
        path = str(self._folder / SOCKET_FILE)
        if sys.platform == "win32" or len(os.fsencode(path)) > MAX_PATH or not _is_unicode(path):
            return [self._name]
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [path, self._name]


def _is_answered(place: str) -> bool:
    """Return whether a program of this person listens there."""
    asking = QLocalSocket()
    asking.connectToServer(place)
    if not asking.waitForConnected(PATIENCE):
        return False
    is_own = _is_own(int(asking.socketDescriptor()))
    asking.disconnectFromServer()
    return is_own


def _is_own(descriptor: int) -> bool:
    """Return whether the other end of a local socket is this person's, or the system does not tell."""
    if sys.platform != "linux":
        return True
    with socket.socket(fileno=os.dup(descriptor)) as sock:
        found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(found)[1] == os.getuid())


def _is_unicode(path: str) -> bool:
    """Return whether Qt can write a path: it knows no other bytes than those of UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
