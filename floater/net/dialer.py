"""Perform what `floater.core.meet.punch` decides: listen and dial from the punch ports."""

import asyncio
import errno
import logging
import random
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from floater.core.meet import punch
from floater.net.platforms import room_for_sockets
from floater.net.sockets import (
    RULES,
    connect_low,
    family_of,
    forget_on_close,
    prepare_link,
    punch_socket,
    remote_of,
)
from floater.wire.endpoint import Endpoint

BACKLOG: Final = 64
"Streams that may wait to be accepted."
CHUNK: Final = 32
"SYNs of a wave that go out before others have their turn."
CHUNK_PAUSE: Final = 0.001
"Seconds between two of them; a wave all at once is too much for some queue on the way."
_UNDER_WAY: Final = (
    errno.EINPROGRESS,
    errno.EWOULDBLOCK,
    getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK),
)

log = logging.getLogger("floater.net")


class Dialer:
    """The sockets of one punch.

    A dial is one non-blocking socket that the loop watches: no task, so that
    a thousand are as good as one. Silent ones are left alone until `withdraw`.

    Args:
        ports: the punch ports, by lane.
        families: those they are bound in.
        feed: takes what happens.
        number: gives a fresh number for a stream.
    """

    def __init__(
        self,
        ports: Sequence[int],
        families: tuple[socket.AddressFamily, ...],
        feed: Callable[[punch.Connected | punch.Failed | punch.Sent], None],
        number: Callable[[], int],
    ) -> None:
        self.syns = 0
        "Connections begun so far."
        self._ports = ports
        self._families = families
        self._feed = feed
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, socket.socket] = {}
        self._listeners: set[socket.socket] = set()
        self._dials: set[socket.socket] = set()
        self._waves: deque[tuple[Iterator[Endpoint], int | None, bool]] = deque()
        self._sending: asyncio.TimerHandle | None = None

    def listen(self) -> None:
        """Accept streams, on every port and in every family there is."""
        for lane, port in enumerate(self._ports):
            for family in self._families:
                try:
                    listener = punch_socket(family, port)
                except OSError as error:
                    _log("= no listener: %s", error)
                    continue
                try:
                    listener.listen(BACKLOG)
                except OSError as error:
                    listener.close()
                    _log("= no listener: %s", error)
                    continue
                self._listeners.add(listener)
                self._loop.add_reader(listener, self._accept, listener, lane)

    def dial(self, remote: Endpoint, lane: int = 0, *, low: bool = False) -> None:
        """Connect once. Ends in `Connected` or `Failed`; silence ends with `withdraw`."""
        if not self._connect(remote, lane, self._ports[lane], low, lambda: self._failed(remote, lane)):
            self._failed(remote, lane)

    def wave(self, remotes: Sequence[Endpoint], lane: int | None, *, low: bool) -> None:
        """Connect to many places, as many as the system has sockets for; `Sent` when the SYNs are out.

        A wave begins when those before it are out.

        Args:
            remotes: in order.
            lane: whose port to connect from; None for a fresh port each.
            low: see `connect_low`.
        """
        self._waves.append((iter(remotes), lane, low))
        if self._sending is None:
            self._send_on()

    def withdraw(self) -> None:
        """Stop listening and dialling. Streams that stand stay."""
        self._waves.clear()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        for sock in self._dials:
            self._loop.remove_writer(sock)
            sock.close()
        self._listeners.clear()
        self._dials.clear()

    def take(self, stream: int) -> socket.socket:
        """Hand a stream over; it is the caller's from now on."""
        return self._streams.pop(stream)

    def drop(self, stream: int) -> None:
        """Close a stream that was not handed over."""
        if (sock := self._streams.pop(stream, None)) is not None:
            forget_on_close(sock)
            sock.close()

    def close(self) -> None:
        """Close everything that was not handed over."""
        self.withdraw()
        for stream in list(self._streams):
            self.drop(stream)

    # -- inside ---------------------------------------------------------------------------

    def _send_on(self) -> None:
        remotes, lane, low = self._waves[0]
        room = room_for_sockets(RULES, CHUNK, len(self._dials))
        chunk = list(islice(remotes, room))
        for remote in chunk:
            if lane is None:
                self._connect(remote, 1, 0, low, lambda: None)
            else:
                self._connect(remote, lane, self._ports[lane], low, lambda: None)
        is_out = len(chunk) < CHUNK
        if is_out:
            self._waves.popleft()
        self._sending = self._loop.call_later(CHUNK_PAUSE, self._send_on) if self._waves else None
        if is_out:
            self._feed(punch.Sent())

    def _connect(self, remote: Endpoint, lane: int, port: int, low: bool, failed: Callable[[], None]) -> bool:
        """Begin to connect; False if that failed at once."""
        try:
            sock = punch_socket(family_of(remote.host), port)
        except OSError as error:
            _log("= dial failed: %s", error)
            return False
        self.syns += 1
        result = connect_low(sock, remote) if low else sock.connect_ex(tuple(remote))
        if result not in (0, *_UNDER_WAY):
            log.debug("= dial failed: %s", errno.errorcode.get(result))
            sock.close()
            return False
        self._dials.add(sock)
        self._loop.add_writer(sock, self._settle, sock, remote, lane, failed)
        return True

    def _settle(self, sock: socket.socket, remote: Endpoint, lane: int, failed: Callable[[], None]) -> None:
        self._loop.remove_writer(sock)
        self._dials.discard(sock)
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            log.debug("= dial failed: %s", errno.errorcode.get(error))
            sock.close()
            failed()
        elif not self._connected(sock, lane):
            failed()

    def _failed(self, remote: Endpoint, lane: int) -> None:
        self._feed(punch.Failed(remote, random.random(), lane))

    def _accept(self, listener: socket.socket, lane: int) -> None:
        for _ in range(BACKLOG):
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # it was gone before we looked
            except OSError as error:
                log.warning("= not accepted: %s", errno.errorcode.get(error.errno or 0))
                return
            self._connected(sock, lane)
            if listener not in self._listeners:
                return  # withdrawn at the sight of it

    def _connected(self, sock: socket.socket, lane: int) -> bool:
        try:
            prepare_link(sock)
            remote = remote_of(sock)
        except OSError:  # reset already
            sock.close()
            return False
        number = self._number()
        self._streams[number] = sock
        self._feed(punch.Connected(number, remote, lane))
        return True


def _log(words: str, error: OSError) -> None:
    log.debug(words, errno.errorcode.get(error.errno or 0))
