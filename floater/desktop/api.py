"""What only a window can be asked: dialogs, the browser, the clipboard's pictures.

Same shape as `floater.api`. The page may name files only by the talk and the
transfer they belong to. Only the person gives a path, in a dialog of the
system, so a script that got into the page cannot fetch or drop a file of its
choice. Without a window, `send_file` and `accept` take the path.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from floater.api import Command, FileReply, OfTalk, Reply


class PickFiles(OfTalk, frozen=True):
    """Let the person choose files, and offer each."""


class SendUpload(OfTalk, frozen=True):
    """Offer what was uploaded (pasted or dropped) under this number."""

    upload: Annotated[int, msgspec.Meta(ge=1, le=2**31)]


class SaveCopy(OfTalk, frozen=True):
    """Let the person choose where to put a copy of a received file."""

    transfer_id: str


class ShowFile(OfTalk, frozen=True):
    """Show a received file in its folder."""

    transfer_id: str


class OpenLink(Command, frozen=True):
    """Open a web address (http or https only) in the browser. The page has asked first."""

    url: Annotated[str, msgspec.Meta(max_length=4_096)]


class CopyReceipt(OfTalk, frozen=True):
    """Put the receipt of the talk, as text, into the clipboard. The page cannot put anything else there."""


class SaveReceipt(OfTalk, frozen=True):
    """Let the person choose where to put the receipt of the talk, as text."""


class ChooseDownloads(Command, frozen=True):
    """Let the person choose the folder for received files."""


class SecondWindow(Command, frozen=True):
    """Open another window of another person on this computer, to try things out alone."""


class Keep(Command, frozen=True):
    """Keep what the page needs to be as it is now after it has been loaded again. In memory."""

    page: Annotated[str, msgspec.Meta(max_length=65_536)]


class Kept(Command, frozen=True):
    """Return what was kept last."""


class PickedReply(Reply, frozen=True, omit_defaults=False):
    """The offers made, in the order of the choice; empty if the person chose no file.

    `refusals` has the sentence of each file that was not offered.
    """

    transfer_ids: list[str]
    refusals: list[str] = msgspec.field(default_factory=list)


class ChosenReply(Reply, frozen=True, omit_defaults=False):
    """Whether the person chose a place."""

    chosen: bool


class KeptReply(Reply, frozen=True, omit_defaults=False):
    """What the page has kept last; empty at first."""

    page: str


AnyShellCommand: TypeAlias = (
    PickFiles
    | SendUpload
    | SaveCopy
    | ShowFile
    | OpenLink
    | CopyReceipt
    | SaveReceipt
    | ChooseDownloads
    | SecondWindow
    | Keep
    | Kept
)

SHELL_REPLIES: Final[dict[type[Command], type[Reply]]] = {
    PickFiles: PickedReply,
    SendUpload: FileReply,
    SaveCopy: ChosenReply,
    SaveReceipt: ChosenReply,
    ChooseDownloads: ChosenReply,
    Kept: KeptReply,
}
"What a command that succeeds is replied with; `Empty` for all that are not named."
