"""Every error FLOATER raises on purpose.

::

    FloaterError              carries `code`, a word of spec §9
    ├── LocalProtocolError    we asked for something illegal: a bug in our code
    ├── RemoteProtocolError   the other side broke the protocol: hang up
    ├── Refused               a wish of a person or a peer was turned down; nothing changed
    ├── ServerRefused         the server said no; `retry_after` says when to ask again
    ├── Unreachable           not reached: name, port, certificate, punch, relay
    └── LinkClosed            the stream is over

A `code` is also the key of the sentence in `floater/locales/`. `str(error)`
is for logs and is never shown to a person.
"""

from floater.codes import Code


class FloaterError(Exception):
    """Base of all errors raised on purpose: `code` is from spec §9; `detail` is for logs only."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{code.value}: {detail}" if detail else code.value)
        self.code = code
        self.detail = detail


class LocalProtocolError(FloaterError):
    """We asked a machine for something that makes no sense in its state."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.INTERNAL, detail)


class RemoteProtocolError(FloaterError):
    """The other side broke the protocol. The stream it came on is closed with `code`."""


class Refused(FloaterError):
    """A wish was turned down. The state is as it was before."""


class ServerRefused(FloaterError):
    """The server turned a request down. `retry_after` is in seconds, 0 when waiting does not help."""

    def __init__(self, code: Code, detail: str = "", retry_after: float = 0.0) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Unreachable(FloaterError):
    """A server, proxy, relay or peer cannot be reached; `code` says which step failed."""


class LinkClosed(FloaterError):
    """The stream under a link or a server leg has ended."""
