"""Events and effects about links, which `core.meet`, `core.talk` and `net` share.

A link is one authenticated stream. Its number is unique within its match.
"""

from dataclasses import dataclass

from floater.wire.frame import Body
from floater.wire.talk import TalkMessage

# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Use this link from now on. The peer has processed our numbered messages up to `received`."""

    link: int
    received: int


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link in use has ended. No link is in use until the next `LinkUp`."""

    link: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message arrived on a link, whether that link is in use or not."""

    link: int
    message: TalkMessage
    body: Body = b""


@dataclass(frozen=True, slots=True)
class Writable:
    """The link's send buffer is nearly empty: it accepts bulk messages."""

    link: int


@dataclass(frozen=True, slots=True)
class Check:
    """Test the link in use at once: the network has changed, or the person asked for it."""


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a message on a link. With `bulk`, report `Writable` when the link accepts more."""

    link: int
    message: TalkMessage
    body: bytes | memoryview = b""
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Suspect:
    """The link was silent for too long while something was due: find another link."""

    link: int


@dataclass(frozen=True, slots=True)
class Alive:
    """The peer answered the test of a `Check` on this link."""

    link: int


@dataclass(frozen=True, slots=True)
class PauseReading:
    """Read this link no further, so that its peer has to wait: it says more than is allowed."""

    link: int


@dataclass(frozen=True, slots=True)
class ResumeReading:
    """Read this link again, beginning with what had arrived. Without effect on a link that has ended."""

    link: int
