"""The core in its own thread: asyncio there, Qt here, and only frozen objects between them."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal, pyqtSlot

from floater import api
from floater.bridge.dispatch import Dispatcher
from floater.bridge.turns import Answer, Request
from floater.client import Client
from floater.codes import Code
from floater.config import ClientConfig
from floater.desktop.safety import under_net
from floater.errors import FloaterError
from floater.log import log_loop_errors
from floater.loop import new_event_loop
from floater.sentences import sentence
from floater.store.settings import SettingsFile

log = logging.getLogger("floater.desktop")


class CoreThread(QObject):
    """Runs one client. Commands go in by `do`; answers and events come out in Qt's thread, in order."""

    happened = pyqtSignal(object)
    "An event of `floater.api`."
    refused = pyqtSignal(object)
    "The client cannot start, for the reason in this `api.Error`; `ended` follows."
    failed = pyqtSignal(object)
    "Something failed, in any thread, for the reason in this `Code`; all else goes on."
    ended = pyqtSignal()
    "The client has said goodbye; nothing comes any more."
    _answered = pyqtSignal(object, object)

    def __init__(self, config: ClientConfig) -> None:
        super().__init__()
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="core", daemon=True)
        self._answered.connect(self._deliver)

    def start(self) -> None:
        """Start the client; returns once commands can be given."""
        self._thread.start()
        self._ready.wait()

    def do(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        """Have the client carry out a command. `answer` is called once in Qt's thread.

        After the client has ended the command is dropped, and `answer` is not called.
        """
        request = Request(command, partial(self._answered.emit, answer))
        if self._loop is None:  # it could not even be made
            return
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._requests.put_nowait, request)

    def stop(self) -> None:
        """Ask the client to say goodbye; `ended` follows."""
        self.do(api.Quit(), lambda _: None)

    def join(self, within: float) -> bool:
        """Wait up to `within` seconds for the thread to end. Returns whether it has ended."""
        self._thread.join(within)
        return not self._thread.is_alive()

    @pyqtSlot(object, object)
    @under_net
    def _deliver(self, answer: Callable[[Answer], None], what: Answer) -> None:
        answer(what)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._work())
        except FloaterError as error:
            self._refuse(error.code)
        except Exception as error:  # the window would close without a word
            log.error("= the client failed", exc_info=error)
            self._refuse(Code.INTERNAL)
        finally:
            self._ready.set()
            self.ended.emit()

    def _refuse(self, code: Code) -> None:
        # No client runs, so its settings may be read here.
        language = SettingsFile(self._config.data_dir).language
        words = sentence(f"code.{code.value}", language, folder=self._config.data_dir)
        self.refused.emit(api.Error(code.value, words))

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        log_loop_errors(self._loop, log, lambda _: self.failed.emit(Code.INTERNAL))
        self._ready.set()
        client = Client(self._config, lambda event: dispatcher.emit(event))
        dispatcher = Dispatcher(client, self.happened.emit)
        async with client:
            await dispatcher.run(self._take())

    async def _take(self) -> AsyncIterator[Request]:
        while True:
            yield await self._requests.get()
