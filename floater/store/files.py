"""Files on disk: what `Talk` orders, carried out beside the loop in threads that read, write and hash.

Nothing of what a stranger sends is ever decoded here, and nothing of it stays
on disk but files that the person accepted, whole and verified.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import count
from typing import Final

from floater.codes import Code
from floater.core.talk.transfer import (
    BlockRead,
    BlockWritten,
    CloseFile,
    CreateFile,
    DiscardFile,
    FileCreated,
    FileOrder,
    FileReport,
    FileStored,
    FinishFile,
    OfferFile,
    ReadBlock,
    ReadFailed,
    WriteBlock,
    WriteFailed,
)
from floater.errors import Refused
from floater.store.source import Source
from floater.store.target import Target
from floater.store.worker import Worker

KEPT_MEMORY: Final = 16_777_216
"""Bytes. What lies free beyond twice the largest block ever freed, glibc gives back to the system
(mallopt(3), M_MMAP_THRESHOLD), only to fetch it again, page by page, for the next parts. One such block,
which is never touched, lets it keep what they need. Elsewhere this does nothing."""


@cache
def _keep_memory() -> None:
    """Get such a block, and free it at once; another one would be cleared, byte by byte."""
    bytes(KEPT_MEMORY)


class Files:
    """The files of one talk.

    Args:
        report: called on the loop with each report, in order for each file.
        unnamed: whether files on their way in may be without a name, where the system has that.
    """

    def __init__(self, report: Callable[[FileReport], None], *, unnamed: bool = True) -> None:
        self._report = report
        self._unnamed = unnamed
        self._numbers = count(1)
        self._sources: dict[int, Source] = {}
        self._targets: dict[str, Target] = {}
        self._closed = False
        self._reader: Worker[FileReport] | None = None
        self._writer: Worker[FileReport] | None = None
        self._hasher = ThreadPoolExecutor(1, "floater-hash")

    async def open_outgoing(self, path: str) -> OfferFile:
        """Open a file to offer it: its type is read from its bytes, an image gets a preview.

        A caller that does not offer it after all has to order `CloseFile`.

        Raises:
            Refused: NO_SUCH_FILE (none, or no regular file), FILE_UNREADABLE,
                FILE_TOO_LARGE, NO_TALK (closed meanwhile).
        """
        number = next(self._numbers)
        source = await asyncio.to_thread(Source, number, path)
        if self._closed:
            source.close()
            raise Refused(Code.NO_TALK)
        self._sources[number] = source
        return await asyncio.to_thread(source.offer)

    def perform(self, order: FileOrder) -> None:
        """Carry out an order; returns at once. After `close` nothing is done."""
        if self._closed:
            return
        match order:
            case WriteBlock(transfer, data):
                if transfer in self._targets:
                    self._write(partial(self._targets[transfer].write, data))
            case ReadBlock(file, first, size, digest):
                if file in self._sources:
                    self._read(partial(self._sources[file].read, first, size, digest))
            case CloseFile(file):
                if file in self._sources:
                    self._read(self._sources.pop(file).close)
            case CreateFile(transfer, folder, name, size, digest):
                target = Target(
                    transfer, folder, name, size, self._hasher, digest=digest, unnamed=self._unnamed
                )
                others = list(self._targets.values())
                self._targets[transfer] = target
                self._write(partial(target.create, others))
            case FinishFile(transfer, digest):
                if transfer in self._targets:
                    self._write(partial(self._targets[transfer].finish, digest))
            case DiscardFile(transfer):
                if transfer in self._targets:
                    self._write(self._targets.pop(transfer).discard)

    async def close(self) -> None:
        """Carry out what was ordered, remove what is unfinished, close what is open, end the threads."""
        self._closed = True
        for target in self._targets.values():
            self._write(target.discard)
        for source in self._sources.values():
            self._read(source.close)
        self._targets.clear()
        self._sources.clear()
        for worker in (self._writer, self._reader):
            if worker is not None:
                await worker.close()
        self._writer = self._reader = None
        self._hasher.shutdown()

    def _read(self, job: Callable[[], FileReport | None]) -> None:
        if self._reader is None:
            _keep_memory()
            self._reader = Worker("floater-read", self._deliver)
        self._reader.do(job)

    def _write(self, job: Callable[[], FileReport | None]) -> None:
        if self._writer is None:
            _keep_memory()
            self._writer = Worker("floater-write", self._deliver)
        self._writer.do(job)

    def _deliver(self, reports: list[FileReport]) -> None:
        for at, report in enumerate(reports):
            match report:
                case BlockRead(file) | ReadFailed(file):
                    if file not in self._sources:
                        continue
                case BlockWritten(transfer):
                    later = reports[at + 1] if at + 1 < len(reports) else None
                    if isinstance(later, BlockWritten) and later.transfer == transfer:
                        continue  # the later one speaks for both
                    if transfer not in self._targets:
                        continue
                case FileCreated(transfer):
                    if transfer not in self._targets:
                        continue
                case FileStored(transfer) | WriteFailed(transfer):
                    # Once it is told, the file is the person's own, and no discarding reaches it.
                    if self._targets.pop(transfer, None) is None:
                        continue
            self._report(report)
