"""Every knob of a client and its default; `floater.knobs` reads them for `floater.__main__`.

What a person sets in the window is not here but in `floater.store.settings`.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import platformdirs

from floater.core.meet.settings import MeetingSettings
from floater.wire.limits import HANDSHAKE_TIMEOUT, REQUEST_TIMEOUT, SERVER_PING_INTERVAL

_EARLIER: Final = {"darwin": "~/Library/Application Support/floater", "win32": "$LOCALAPPDATA/floater"}
"Where earlier versions kept their data, if platformdirs may name another place."

NO_HOME: Final = "this user has no home folder; name a folder by --data-dir or FLOATER_DATA_DIR."


def default_data_dir() -> Path:
    """The folder where this system wants a program to keep its data.

    A folder that an earlier version made at another place goes on being used.

    Raises:
        ValueError: this user has no home folder.
    """
    earlier = Path(os.path.expandvars(os.path.expanduser(_EARLIER.get(sys.platform, ""))))
    if sys.platform in _EARLIER and earlier.is_dir():
        return earlier
    try:
        return platformdirs.user_data_path("floater", appauthor=False)
    except RuntimeError as error:
        raise ValueError(NO_HOME) from error


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """What may be decided for a client. Seconds are floats, sizes are bytes."""

    # -- places ---------------------------------------------------------------------------

    data_dir: Path = field(default_factory=default_data_dir)
    "Folder of the settings, the log-in where there is no keyring, and the files of a running talk."

    server: str = ""
    "Address of the server, floater://HOST:PORT#FINGERPRINT; empty: the one used last."

    mail_folder: str = ""
    """Folder where the server, if it runs on this computer, puts its mails; those for the address just
    typed are then told as events. Empty: the server runs elsewhere."""

    proxy: str = ""
    """HTTP proxy to the server, http://user:password@host:port; empty: HTTPS_PROXY of the environment;
    `none`: no proxy."""

    # -- the server -----------------------------------------------------------------------

    handshake_timeout: float = HANDSHAKE_TIMEOUT
    "Seconds for name, TCP, proxy, TLS and `welcome`, all together."

    request_timeout: float = REQUEST_TIMEOUT
    "Seconds until a request without an answer counts as failed."

    ping_interval: float = SERVER_PING_INTERVAL
    "Seconds after which a quiet connection to the server is pinged, so that no NAT forgets it."

    retry_first: float = 0.5
    "Seconds, about, before the first attempt to reach the server again."

    retry_last: float = 30.0
    "Seconds, about, between attempts when many have failed."

    clock_tolerance: float = 300.0
    "Seconds that this computer's clock may be away from the server's before the person is told."

    # -- meeting --------------------------------------------------------------------------

    meeting: MeetingSettings = field(default_factory=MeetingSettings)
    "What may be decided for all meetings."

    # -- the talk -------------------------------------------------------------------------

    max_file: int = 8 << 30
    "Bytes of the largest file that a peer may offer; larger ones are declined automatically."
