"""Every size, rate and time that both sides agree on (spec §10). Sizes in bytes, times in seconds."""

from typing import Final

PROTOCOL_VERSION: Final = 1

MAX_USERNAME: Final = 24
"Characters after cleaning."
MAX_EMAIL: Final = 254
"RFC 5321 §4.5.3.1.3, less the angle brackets."
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128
"Characters. OWASP ASVS 5.0 asks for at least 64 to be allowed."
CODE_DIGITS: Final = 6
"Digits of the code that activates an account."
RESET_CODE_LENGTH: Final = 8
"Characters of the code for a new password, each of 32: 40 bits."

MAX_CANDIDATES: Final = 12
"In one seek, all kinds and both lanes together."
MAX_PRIVATE_CANDIDATES: Final = 4
MAX_MATCHES: Final = 32
"Matches of one client at a time; as many as a `restore` names."
MAX_OPENINGS: Final = 16
"Punches of one side in one match that may send `opened` to the peer."
MAX_NAT_PORTS: Final = 6
"Public ports that are told of one NAT; as many as observers are asked."

MAX_TEXT: Final = 65_536
"UTF-8 bytes of one text."
MAX_PART: Final = 1_048_576
MAX_FILE: Final = 1 << 40
"A transfer's length as the protocol counts it; the receiver's own limit is lower."
MAX_FILE_NAME: Final = 255
"UTF-8 bytes, what file systems allow."
PREVIEW_EDGE: Final = 16
"Pixels: a preview is at most 16 by 16 raw sRGB pixels, so that nothing has to be decoded to show it."
MAX_OPEN_OFFERS: Final = 32
"Transfers of one side that are neither finished nor refused."
MAX_UNACKNOWLEDGED: Final = 4_096
"Numbered messages of one side that wait for an acknowledgement."

HANDSHAKE_TIMEOUT: Final = 10.0
"From a stream's start to the end of its TLS handshake and first message, on either leg."
REQUEST_TIMEOUT: Final = 20.0
SERVER_PING_INTERVAL: Final = 45.0
"A client says something to its server at least this often; a server hangs up after three times that."
TICKET_LIFETIME: Final = 86_400.0
"No talk lasts longer than its ticket."
