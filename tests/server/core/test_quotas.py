from floater.wire.control import EndReason, Role
from floater.wire.nat import UNKNOWN_NAT
from server.core.events import Matched, MatchEnded, PeerOpened
from server.core.quotas import Quotas
from server.core.rates import Rate
from server.core.side import Side

HOST, OTHER = "203.0.113.1", "203.0.113.2"
SIDE = Side("ann", "en", b"certificate", (), HOST, UNKNOWN_NAT, hides=False)


def count(quotas: Quotas, account: int, host: str) -> None:
    news = Matched("m", account, Role.LEADER, SIDE, SIDE, (), UNKNOWN_NAT, relay_only=False, issued=0.0)
    quotas.hear(news, host, now=0.0)


def test_an_account_has_its_share_wherever_it_is() -> None:
    quotas = Quotas(Rate(2, 600.0), None)
    for host in (HOST, OTHER):
        assert quotas.wait(1, host, now=0.0) == 0.0
        count(quotas, 1, host)
    assert quotas.wait(1, HOST, now=0.0) == 300.0
    assert quotas.wait(2, HOST, now=0.0) == 0.0
    assert quotas.wait(1, HOST, now=300.0) == 0.0


def test_a_network_has_its_share_for_all_its_accounts() -> None:
    quotas = Quotas(None, Rate(2, 600.0))
    for account in (1, 2):
        count(quotas, account, HOST)
    assert quotas.wait(3, HOST, now=0.0) > 0.0
    assert quotas.wait(3, OTHER, now=0.0) == 0.0


def test_a_match_that_the_peer_broke_off_is_given_back_and_no_other() -> None:
    quotas = Quotas(Rate(1, 600.0), Rate(1, 600.0))
    count(quotas, 1, HOST)
    for reason in (EndReason.NO_SHOW, EndReason.HUNG_UP, EndReason.LOST, EndReason.REFUSED):
        quotas.hear(MatchEnded(1, "m", reason), HOST, now=0.0)
    quotas.hear(PeerOpened("m", 1, 1), HOST, now=0.0)
    assert quotas.wait(1, HOST, now=0.0) > 0.0
    quotas.hear(MatchEnded(1, "m", EndReason.CANCELLED), HOST, now=0.0)
    assert quotas.wait(1, HOST, now=0.0) == 0.0


def test_this_computer_is_not_counted_where_it_is_trusted() -> None:
    for local, wait in ((True, 0.0), (False, 600.0)):
        quotas = Quotas(Rate(1, 600.0), None, local=local)
        count(quotas, 1, "127.0.0.1")
        assert quotas.wait(1, "127.0.0.1", now=0.0) == wait
