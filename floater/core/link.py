"""Events and effects about links that `path`, `talk` and `net` share.

A link is one authenticated stream; it has a small number, unique within its match.
"""

from dataclasses import dataclass

from floater.wire.frame import Body
from floater.wire.talk import TalkMessage

# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Use this link from now on. The peer has our numbered messages up to `received`."""

    link: int
    received: int


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link in use is gone; no link is in use until the next `LinkUp`."""

    link: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message has come on a link, in use or not."""

    link: int
    message: TalkMessage
    body: Body = b""


@dataclass(frozen=True, slots=True)
class Writable:
    """The link's send buffer has run low: there is room for bulk."""

    link: int


@dataclass(frozen=True, slots=True)
class Check:
    """Find out at once whether the link in use is alive: a network has changed, or a person is impatient."""


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a message on a link. `bulk` asks for `Writable` when there is room for more."""

    link: int
    message: TalkMessage
    body: bytes | memoryview = b""
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Suspect:
    """This link has been silent for too long although an answer was due: find another."""

    link: int


@dataclass(frozen=True, slots=True)
class Alive:
    """The question of a `Check` was answered on this link."""

    link: int
