"""Perform what `floater.core.punch` decides: listen and dial from the one punch port."""

import asyncio
import errno
import logging
import random
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from floater.core import punch
from floater.net.sockets import family_of, forget_on_close, prepare_link, punch_socket, remote_of
from floater.tasks import Tasks
from floater.wire.endpoint import Endpoint

BACKLOG: Final = 64
"Streams that may wait to be accepted."

log = logging.getLogger("floater.net")


class Dialer:
    """The sockets of one punch.

    Args:
        port: the punch port.
        families: those it is bound in.
        feed: takes what happens.
        number: gives a fresh number for a stream.
    """

    def __init__(
        self,
        port: int,
        families: tuple[socket.AddressFamily, ...],
        feed: Callable[[punch.Event], None],
        number: Callable[[], int],
    ) -> None:
        self._port = port
        self._families = families
        self._feed = feed
        self._number = number
        self._tasks = Tasks()
        self._streams: dict[int, socket.socket] = {}
        self._work: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Accept streams, in every family there is."""
        for family in self._families:
            try:
                listener = punch_socket(family, self._port)
            except OSError as error:
                log.debug("= no listener: %s", errno.errorcode.get(error.errno or 0))
                continue
            try:
                listener.listen(BACKLOG)
            except OSError as error:
                listener.close()
                log.debug("= no listener: %s", errno.errorcode.get(error.errno or 0))
                continue
            self._start(self._accept(listener), "punch listener")

    def dial(self, remote: Endpoint) -> None:
        """Connect once. Ends in `Connected` or `Failed`; silence ends with `withdraw`."""
        self._start(self._dial(remote), "punch dial")

    def withdraw(self) -> None:
        """Stop listening and dialling. Streams that stand stay."""
        for task in list(self._work):
            task.cancel()

    def take(self, stream: int) -> socket.socket:
        """Hand a stream over; it is the caller's from now on."""
        return self._streams.pop(stream)

    def drop(self, stream: int) -> None:
        """Close a stream that was not handed over."""
        if (sock := self._streams.pop(stream, None)) is not None:
            forget_on_close(sock)
            sock.close()

    async def close(self) -> None:
        """Close everything that was not handed over."""
        await self._tasks.close()
        for stream in list(self._streams):
            self.drop(stream)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._tasks.start(work, name)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                try:
                    sock, _ = await loop.sock_accept(listener)
                except ConnectionError:
                    continue  # it was gone before we looked
                except OSError as error:
                    log.warning("= listener ended: %s", errno.errorcode.get(error.errno or 0))
                    return
                self._connected(sock, None)

    async def _dial(self, remote: Endpoint) -> None:
        sock: socket.socket | None = None
        try:
            sock = punch_socket(family_of(remote.host), self._port)
            await asyncio.get_running_loop().sock_connect(sock, tuple(remote))
        except OSError as error:
            if sock is not None:
                sock.close()
            log.debug("= dial failed: %s", errno.errorcode.get(error.errno or 0))
            self._feed(punch.Failed(remote, random.random()))
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        else:
            self._connected(sock, remote)

    def _connected(self, sock: socket.socket, dialled: Endpoint | None) -> None:
        try:
            prepare_link(sock)
            remote = remote_of(sock)
        except OSError:  # reset already
            sock.close()
            if dialled is not None:
                self._feed(punch.Failed(dialled, random.random()))
            return
        number = self._number()
        self._streams[number] = sock
        self._feed(punch.Connected(number, remote))
