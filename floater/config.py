"""Every knob of a client. `__main__` alone reads flags, then `FLOATER_*` variables; these are the defaults.

What a person sets in the window is not here but in `floater.store.settings`.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from floater.wire.limits import HANDSHAKE_TIMEOUT, REQUEST_TIMEOUT, SERVER_PING_INTERVAL


def default_data_dir() -> Path:
    """The folder where this system wants a program to keep its data."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "floater"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "floater"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "floater"


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
    typed are then told as events. Empty: there is none."""

    proxy: str = ""
    """HTTP proxy to the server, http://user:password@host:port; empty: HTTPS_PROXY of the environment;
    `none`: no proxy."""

    # -- the server -----------------------------------------------------------------------

    handshake_timeout: float = HANDSHAKE_TIMEOUT
    "Seconds for name, TCP, proxy, TLS and `welcome`, all together."

    request_timeout: float = REQUEST_TIMEOUT
    "Seconds until a request without an answer counts as failed."

    ping_interval: float = SERVER_PING_INTERVAL
    "Seconds between two words to the server, so that no NAT forgets the connection."

    retry_first: float = 0.5
    "Seconds, about, before the first attempt to reach the server again."

    retry_last: float = 30.0
    "Seconds, about, between attempts when many have failed."

    clock_tolerance: float = 300.0
    "Seconds that this computer's clock may be away from the server's before the person is told."

    # -- meeting --------------------------------------------------------------------------

    head_start: float = 0.6
    "Seconds that punching has for itself before the relay joins the race."

    meeting_timeout: float = 15.0
    "Seconds from `matched` until a peer to whom no link came counts as not coming."

    grace: float = 30.0
    "Seconds that a peer may be out of reach before the talk is over."

    punch_delay: float = 0.005
    "Seconds, about, between an error on a dialled address and the next attempt there."

    punch_budget: float = 4.0
    "Seconds from the start of a punch to giving up."

    punch_attempts: int = 60
    "Dials to one address in one punch, at most."

    # -- the talk -------------------------------------------------------------------------

    max_file: int = 8 << 30
    "Bytes of a file that somebody may offer us; larger ones are declined by themselves."


def config_from(environment: Mapping[str, str], **given: Any) -> ClientConfig:
    """Build a config: what is given, then `FLOATER_NAME` variables, then the defaults.

    Args:
        environment: usually `os.environ`.
        given: knobs by name; None counts as not given.

    Raises:
        ValueError: a variable does not hold a value of its knob's type.
    """
    types = get_type_hints(ClientConfig)
    values: dict[str, Any] = {}
    for knob in fields(ClientConfig):
        if (value := given.get(knob.name)) is not None:
            values[knob.name] = value
        elif text := environment.get(f"FLOATER_{knob.name.upper()}"):
            try:
                values[knob.name] = types[knob.name](text)
            except ValueError as error:
                raise ValueError(f"FLOATER_{knob.name.upper()} is no {types[knob.name].__name__}") from error
    return ClientConfig(**values)
