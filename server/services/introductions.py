"""Tell clients of matches and peers: what the node decided, as messages (spec §4.6, §4.8)."""

import time

from floater.wire import control
from floater.wire.control import Role
from server.config import ServerConfig
from server.core.events import Matched, MatchEnded, News, PeerCandidates, PeerOpened
from server.services.guests import Guests
from server.services.tickets import RelayPass, TicketSigner


class Introductions:
    """Tells clients of matches and peers.

    Args:
        config: how long a ticket is good.
        signer: signs tickets and relay tokens.
        guests: whom to tell.
    """

    def __init__(self, config: ServerConfig, signer: TicketSigner, guests: Guests) -> None:
        self._config = config
        self._signer = signer
        self._guests = guests

    def tell(self, news: News) -> None:
        """Send the news to the account that it is for, if it is logged in here."""
        match news:
            case Matched(_, user):
                message: control.ServerMessage = self._matched(news)
            case PeerCandidates(match_id, user, candidates, nat):
                message = control.PeerCandidates(match_id=match_id, candidates=candidates, nat=nat)
            case PeerOpened(match_id, user, punch):
                message = control.PeerOpened(match_id=match_id, punch=punch)
            case MatchEnded(user, match_id, reason):
                message = control.MatchEnded(match_id=match_id, reason=reason)
        self._guests.send(user, message)

    def _matched(self, news: Matched) -> control.Matched:
        is_leader = news.role is Role.LEADER
        leader, follower = (news.own, news.peer) if is_leader else (news.peer, news.own)
        signed = self._signer.sign(
            news.match_id,
            leader=leader.certificate,
            follower=follower.certificate,
            issued=news.issued,
            lifetime=self._config.ticket_lifetime,
        )
        expires = news.issued + self._config.ticket_lifetime
        relay_pass = RelayPass(news.match_id, news.role, expires, news.issued, news.user)
        return control.Matched(
            match_id=news.match_id,
            role=news.role,
            peer=control.Peer(username=news.peer.username, language=news.peer.language),
            certificate=news.peer.certificate,
            ticket=signed.ticket,
            signature=signed.signature,
            relay_token=self._signer.relay_token(relay_pass),
            candidates=news.candidates,
            nat=news.nat,
            relay_only=news.relay_only,
            relay=leader.relay,
            time=time.time(),
        )
