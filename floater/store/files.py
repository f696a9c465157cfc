"""Files on disk: what `Talk` orders, carried out beside the loop, in one thread for each direction."""

from collections.abc import Callable

from floater.core.transfer import FileOrder, FileReport, OfferFile


class Files:
    """The files of one talk.

    Args:
        report: called on the loop with each report, in order for each file.
    """

    def __init__(self, report: Callable[[FileReport], None]) -> None:
        self._report = report

    async def open_outgoing(self, path: str) -> OfferFile:
        """Open a file to offer it: its type is read from its bytes, an image gets a preview.

        Raises:
            Refused: NO_SUCH_FILE (none, or no regular file), FILE_UNREADABLE, FILE_TOO_LARGE.
        """
        raise NotImplementedError

    def perform(self, order: FileOrder) -> None:
        """Carry out an order; returns at once."""
        raise NotImplementedError

    async def close(self) -> None:
        """Carry out what was ordered, remove what is unfinished, close what is open, end the threads."""
        raise NotImplementedError
