"""Every knob of a server and its default; `floater.knobs` reads them for `server.__main__`.

The sentence under a knob is also its line in `floater-server run --help`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from floater.knobs import Positive
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

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    "How much is logged: debug, info, warning or error."

    # -- mail -----------------------------------------------------------------------------

    smtp_url: str = ""
    """smtp://user:password@host:port?from=floater@example.org or smtps://…; plain smtp uses STARTTLS
    where the mail server offers it. Empty: mails are written to the outbox folder."""

    mail_outbox: Path | None = None
    "Folder into which each mail is written as one .eml file if no SMTP is set; empty: DATA_DIR/outbox."

    mail_retry: Positive = 1.0
    "Seconds after which a mail server that is down is tried again; doubled with each try."

    mail_retry_longest: Positive = 60.0
    "Seconds up to which that doubles."

    mail_timeout: Positive = 20.0
    "Seconds that one word of a mail server may take."

    mail_lifetime: Positive = 86_400.0
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

    hash_queue_share: int = 4
    """How many of those may come from one site (IPv4 /24, IPv6 /48) once half of the queue is taken. The
    sites take turns."""

    hash_deadline: Positive = 8.0
    "Seconds that one password may wait and be hashed in."

    code_lifetime: Positive = 600.0
    "Seconds for which a code is good after its mail has been handed over."

    link_lifetime: Positive = 3_600.0
    "Seconds for which the link in a mail is good after the mail has been handed over."

    code_tries: int = 5
    "Wrong codes after which a code is worthless. Its link stays good."

    sign_up_lifetime: Positive = 86_400.0
    "Seconds after which a sign-up that was not activated is forgotten."

    token_idle: Positive = 90 * 86_400.0
    "Seconds without being used after which a log-in ends."

    token_lifetime: Positive = 365 * 86_400.0
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
    "Codes entered."

    link_limit: str = "120/60 - -"
    """Links of mails followed. A link cannot be guessed, so it is limited by source alone: neither codes nor
    other people's links keep an owner from the own one."""

    log_in_limit: str = "120/600 60/3600 -"
    "Log-ins by password; the hashing queue limits them in all."

    restore_limit: str = "600/60 - -"
    "Log-ins by token."

    change_limit: str = "- 20/3600 -"
    "Changes of username or password."

    tries_told: str = "20/86400"
    """COUNT/SECONDS: how many failed tries at one account are usual. Its owner is told of more by mail, once
    in that time. `-`: never."""

    # -- matching -------------------------------------------------------------------------

    match_limit: str = "30/600 300/600"
    """Matches with strangers: COUNT/SECONDS for one account, and for one address (IPv6: one /64). `-` is no
    limit. Those that the peer broke off do not count."""

    wave_limit: str = "6/600"
    """COUNT/SECONDS: how many strangers may be led to guess the ports of one address (IPv6: of one /64),
    which may be the exit of a VPN. To further ones the NAT behind it is unknown. `-` is no limit."""

    forward_private: bool = False
    """Tell peers each other's private addresses even if their public addresses differ (a campus with
    several ways out)."""

    absence_limit: Positive = 600.0
    "Seconds for which an account stays in its talks while its control connection is gone."

    ticket_lifetime: Positive = TICKET_LIFETIME
    """Seconds in which the two of a match have to check its ticket. The relay takes them for as long as the
    match goes on, and after a restart of the server up to this age of the match."""

    # -- connections ----------------------------------------------------------------------

    handshake_timeout: Positive = HANDSHAKE_TIMEOUT
    "Seconds from the first byte of a connection to the end of its TLS handshake and first message."

    http_deadline: Positive = 30.0
    "Seconds for a page to be asked for, answered and read."

    log_in_timeout: Positive = 600.0
    "Seconds for which a connection may stay open without being logged in."

    silence_limit: Positive = 3 * SERVER_PING_INTERVAL
    "Seconds without a word from a client before it is given up."

    max_connections: int = 100_000
    "Connections at once, of all kinds; the operating system's own limit also holds."

    max_connections_per_address: int = 1_000
    """Connections at once from one address (IPv6: one /64); a person needs four, a campus shares one address.
    If there are more, the oldest of that address that is not logged in has to go."""

    max_half_open: int = 2_000
    """Connections at once that have not sent a valid first message yet. If there are more, the oldest of the
    site (IPv4 /24, IPv6 /48) that holds most has to go."""

    max_half_open_per_address: int = 64
    "The same of one address (IPv6: one /64); a site may have four times as many."

    max_unknown_per_address: int = 256
    """Connections at once of one address that belong to no logged-in account; a site may have four times as
    many, and all together half of max_connections."""

    handshake_limit: str = "200/10 800/10"
    """TLS handshakes begun: COUNT/SECONDS for one address (IPv6: one /64), and for one site. More are left
    waiting. `-` is no limit."""

    trusted_proxy: tuple[str, ...] = ()
    """ADDRESS or ADDRESS/BITS of a balancer or tunnel before this server; may be given several times. A
    connection from there has to begin with a header of the PROXY protocol, version 2, which names the
    client's own address; all limits count by that."""

    local: bool = False
    """Trust connections from this computer itself: no limits by address, and loopback addresses are passed on
    to peers. Given by itself where the server listens at a loopback address and has no public host or URL."""

    probe_limit: str = "60/60 200/1"
    """SYNs to clients that ask how their own router filters: COUNT/SECONDS for one source, and again for all.
    Empty: none."""

    message_rate: Positive = 20.0
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

    relay_join_timeout: Positive = 10.0
    "Seconds a stream has to say which match it is for."

    relay_wait: Positive = 30.0
    "Seconds a relay stream waits for its other side."

    relay_idle: Positive = 600.0
    "Seconds without a byte either way before a relayed pair is closed."

    relay_bytes: int = 1 << 38
    "Bytes that one account may move through the relay in 24 hours, both ways together."

    relay_after_match: Positive = 30.0
    "Seconds for which a relayed pair may go on after its match has ended, for the last words."

    relay_halves: int = 10_000
    """Relay streams that may wait for their other side. If there are more, the oldest of the site that holds
    most has to go. They do not count as talks."""

    relay_halves_per_address: int = 16
    """Relay streams of one address (IPv6: one /64) that may wait for their other side; a site may have four
    times as many. If there are more, the oldest has to go."""

    relay_halves_per_account: int = 2
    "Relay streams of one account that may wait likewise."

    relay_memory: int = 512 << 20
    "Bytes of all relayed talks that may be held. Beyond, no new ones are taken, and the most stalled end."


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
