"""Sign tickets for peers and tokens for the relay (spec §4.6, §6.3).

A relay token is read only by the server that made it. Layout::

    JSON {"match_id", "role", "expires", "issued", "account"} | HMAC-SHA256 of it, 32 bytes

It needs no table, so it can be read after a restart, and on every node with the same secret.
Whether it is good is asked of the node (`Matchmaking.may_relay`): that depends on its match.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import msgspec

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import MatchId, Role
from floater.wire.ticket import Ticket, encode_ticket
from server.services.keys import Keys

_MAC_SIZE: Final = 32


class RelayPass(msgspec.Struct, frozen=True):
    """Who may use the relay: one side of one match."""

    match_id: MatchId
    role: Role
    expires: float
    "UTC seconds up to which it is good where nothing is known of the match, after a restart."
    issued: float = 0.0
    "UTC seconds."
    account: int = 0


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(RelayPass)


@dataclass(frozen=True, slots=True)
class SignedMatch:
    """What both sides of a match are given."""

    ticket: bytes
    signature: bytes


class TicketSigner:
    """Signs and checks tickets and tokens with the keys of one server."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @property
    def public_key(self) -> bytes:
        """The raw Ed25519 key by which clients check tickets, 32 bytes."""
        return self._keys.ticket.public_key().public_bytes_raw()

    def sign(
        self, match_id: str, *, leader: bytes, follower: bytes, issued: float, lifetime: float
    ) -> SignedMatch:
        """Bind two certificates (DER) to a match, from `issued` (UTC seconds) on for `lifetime` seconds."""
        expires = issued + lifetime
        digests = hashlib.sha256(leader).digest(), hashlib.sha256(follower).digest()
        ticket = encode_ticket(Ticket(match_id, *digests, issued=issued, expires=expires))
        return SignedMatch(
            ticket=ticket,
            signature=self._keys.ticket.sign(ticket),
        )

    def relay_token(self, relay_pass: RelayPass) -> bytes:
        """Return a pass as a token that only this server can make."""
        payload = _encoder.encode(relay_pass)
        return payload + self._mac(payload)

    def read_relay_token(self, token: bytes) -> RelayPass:
        """Read a token that this server made.

        Raises:
            RemoteProtocolError: RELAY_REFUSED: not ours.
        """
        payload, mac = token[:-_MAC_SIZE], token[-_MAC_SIZE:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise RemoteProtocolError(Code.RELAY_REFUSED, "not ours")
        return _decoder.decode(payload)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._keys.relay, b"floater relay token\0" + payload, "sha256")
