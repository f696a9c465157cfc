"""Every knob of a server. `__main__` alone reads flags, then `FLOATER_*` variables; these are the defaults.

The sentence under a knob is also its line in `floater-server run --help`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from floater.wire.limits import HANDSHAKE_TIMEOUT, SERVER_PING_INTERVAL, TICKET_LIFETIME

DEFAULT_LISTEN: Final = "0.0.0.0:7443"


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """What an operator may decide. Seconds are floats, sizes are bytes, places are `HOST:PORT`."""

    # -- places ---------------------------------------------------------------------------

    data_dir: Path
    "Folder of the database, the keys and the certificate; made at first start, for this user only."

    listen: str = DEFAULT_LISTEN
    "HOST:PORT for everything: clients, pages, relay and one observer. Port 0 takes a free one."

    stun: tuple[str, ...] = ()
    """HOST:PORT of one more observer; may be given several times. None given: two more ports beside the main
    one. A different public address among them lets clients tell more kinds of NAT apart."""

    public_host: str = ""
    "Host in the printed floater:// URL; empty: the listen host, or this machine's own address for 0.0.0.0."

    public_url: str = ""
    "Where people reach the activation and reset pages, for links in mails; empty: https://HOST:PORT."

    # -- mail -----------------------------------------------------------------------------

    smtp_url: str = ""
    """smtp://user:password@host:port?from=floater@example.org or smtps://…; plain smtp uses STARTTLS
    where the mail server offers it. Empty: mails are written to the outbox folder."""

    mail_outbox: Path | None = None
    "Folder into which each mail is written as one .eml file if no SMTP is set; empty: DATA_DIR/outbox."

    mail_retry: float = 1.0
    "Seconds after which a mail server that is down is tried again; doubled with each try."

    mail_retry_longest: float = 60.0
    "Seconds up to which that doubles."

    mail_timeout: float = 20.0
    "Seconds that one word of a mail server may take."

    mail_lifetime: float = 86_400.0
    "Seconds for which a mail that cannot be delivered is tried again."

    # -- accounts -------------------------------------------------------------------------

    hash_memory: int = 19_456
    "KiB of memory that one argon2id hash takes. Less than 19456 is for tests only."

    hash_passes: int = 2
    "Passes of argon2id over that memory. Less than 2 is for tests only."

    hash_threads: int = 0
    "Threads that hash passwords; 0: as many as this computer has cores."

    hash_queue: int = 128
    "Passwords that may wait to be hashed before people are asked to come again later."

    hash_deadline: float = 8.0
    "Seconds that one password may wait and be hashed in."

    code_lifetime: float = 600.0
    "Seconds for which a six-digit code is good after its mail has been handed over."

    link_lifetime: float = 3_600.0
    "Seconds for which the link in a mail is good after the mail has been handed over."

    code_tries: int = 5
    "Wrong codes after which a code is worthless. Its link stays good."

    sign_up_lifetime: float = 86_400.0
    "Seconds after which a sign-up that was not activated is forgotten."

    token_idle: float = 90 * 86_400.0
    "Seconds without being used after which a log-in ends."

    token_lifetime: float = 365 * 86_400.0
    "Seconds after which a log-in ends, however much it is used."

    tokens_per_account: int = 20
    "Log-ins of one account that are remembered; the oldest is forgotten first."

    # Each limit is `COUNT/SECONDS` three times: for one source (an IPv4 address, an IPv6 /64), for one
    # account or e-mail address, and in all. `-` is no limit. COUNT may come at once.

    sign_up_limit: str = "30/3600 5/7200 600/60"
    "Sign-ups, each of which sends a mail: from one source, for one e-mail address, and in all."

    resend_limit: str = "30/3600 5/7200 600/60"
    "Activation mails sent again, counted like sign-ups."

    forgot_limit: str = "20/3600 3/14400 300/60"
    "Mails for a forgotten password, counted like sign-ups."

    code_limit: str = "60/3600 20/7200 1200/60"
    "Codes entered, and links followed."

    log_in_limit: str = "120/600 60/3600 -"
    "Log-ins by password; the hashing queue limits them in all."

    restore_limit: str = "600/60 - -"
    "Log-ins by token."

    change_limit: str = "- 20/3600 -"
    "Changes of username or password."

    # -- matching -------------------------------------------------------------------------

    forward_private: bool = False
    """Tell peers each other's private addresses even if their public addresses differ (a campus with
    several ways out)."""

    absence_limit: float = 600.0
    "Seconds for which an account stays in its talks while its control connection is gone."

    ticket_lifetime: float = TICKET_LIFETIME
    "Seconds for which a match's ticket, and with it its way into the relay, is good."

    # -- connections ----------------------------------------------------------------------

    handshake_timeout: float = HANDSHAKE_TIMEOUT
    "Seconds from the first byte of a connection to the end of its TLS handshake and first message."

    http_deadline: float = 30.0
    "Seconds for a page to be asked for, answered and read."

    log_in_timeout: float = 600.0
    "Seconds for which a connection may stay open without being logged in."

    silence_limit: float = 3 * SERVER_PING_INTERVAL
    "Seconds without a word from a client before it is given up."

    max_connections: int = 100_000
    "Connections at once, of all kinds; the operating system's own limit also holds."

    max_connections_per_address: int = 1_000
    """Connections at once from one address (IPv6: one /64); a person needs four, a campus shares one address.
    This computer itself is exempt."""

    max_half_open: int = 2_000
    "Connections at once that have not sent a valid first message yet."

    probe_limit: str = "60/60 200/1"
    """SYNs to clients that ask how their own router filters: COUNT/SECONDS for one source, and again for all.
    Empty: none."""

    message_rate: float = 20.0
    "Messages a second that one connection may send in the long run."

    message_burst: int = 60
    "Messages that one connection may send at once."

    write_buffer: int = 262_144
    "Bytes that may wait for a client that does not read, before it is dropped."

    goodbye_jitter: float = 10.0
    "Seconds over which clients are asked to spread their return when the server is shut down."

    # -- relay ----------------------------------------------------------------------------

    relay_address: str = ""
    """HOST:PORT by which clients reach the relay of this node, where several nodes share one address; empty:
    by the address they use already."""

    max_relays: int = 5_000
    "Talks at once that go through the relay."

    relay_join_timeout: float = 10.0
    "Seconds a stream has to say which match it is for."

    relay_wait: float = 30.0
    "Seconds a relay stream waits for its other side."

    relay_idle: float = 600.0
    "Seconds without a byte either way before a relayed pair is closed."

    relay_bytes: int = 1 << 40
    "Bytes one match may move through the relay, both ways together."

    relay_time: float = TICKET_LIFETIME
    "Seconds one match may use the relay."


def parse_place(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`, `[v6]:PORT` or `:PORT` (every IPv4 address of this machine).

    Raises:
        ValueError: neither.
    """
    host, colon, port_text = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address needs brackets, as in [::1]:7443")
    if not colon or not (port_text.isascii() and port_text.isdigit()) or int(port_text) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host or "0.0.0.0", int(port_text)
