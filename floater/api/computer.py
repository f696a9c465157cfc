"""Commands and events about this computer: settings, servers, status."""

import msgspec

from floater.api.base import Command, Error, Event, Reply
from floater.api.network import PathKind
from floater.api.talk import State, TalkInfo


class Quit(Command, frozen=True):
    """Say goodbye and exit. The log-in is kept for the next start."""


class Set(Command, frozen=True):
    """Change settings; a field left out stays as it is."""

    hide_address: bool | None = None
    map_port: bool | None = None
    "Whether the router is asked to let others in (spec §5.2)."
    language: str | None = None
    downloads: str | None = None
    appearance: str | None = None
    "`auto`, `light`, `dark` or `contrast`."
    address_asked: bool | None = None
    "Whether the person has answered if strangers may see their address."


class UseServer(Command, frozen=True):
    """Use another server from now on. It is tried first; if it cannot be had, all stays as it was."""

    url: str


class HostHere(Command, frozen=True):
    """Run a server on this computer, for the people around, and use it. It ends with the program."""


class Practise(Command, frozen=True):
    """Practise with a scripted partner, on a server in this program that only this computer can reach.

    Logs in by itself, under a made-up name; `log_out` ends the practice and uses the previous server again.
    """


class Status(Command, frozen=True):
    """Where things stand: enough to draw the whole screen after a reload."""


class Settings(msgspec.Struct, frozen=True):
    """The settings of this computer."""

    hide_address: bool
    language: str
    downloads: str
    appearance: str = "auto"
    address_asked: bool = False
    map_port: bool = True


class StatusReply(Reply, frozen=True, omit_defaults=False):
    """Where things stand.

    `path` is that of the stranger's talk, None outside it; `online` is whether the server is reached.
    """

    state: State
    username: str | None
    path: PathKind | None
    online: bool
    server: str
    settings: Settings
    version: str = ""
    practising: bool = False
    talks: list[TalkInfo] = []  # noqa: RUF012  # msgspec makes a fresh one
    n: int = 0
    "The number of the last event that this reply tells of."


class ServerReply(Reply, frozen=True):
    """The server that is used now."""

    server: str


class HostReply(Reply, frozen=True):
    """The server that runs here: its address, and the same as a QR code in an SVG picture.

    `outbox` is the folder of its mails, as long as it has no mail server.
    """

    server: str
    qr: str
    outbox: str


class Online(Event, frozen=True):
    """Whether the server is reached; `error` says why not, `retry_s` when we try again."""

    online: bool
    error: Error | None = None
    retry_s: float | None = None


class ServerChanged(Event, frozen=True, tag="server"):
    """Another server is used from now on; `practising` is whether it is that of a practice. Empty: none."""

    server: str
    practising: bool = False
