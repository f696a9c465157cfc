import pytest

from floater.net.proxies import choose_proxy
from floater.net.server_connect import Proxy
from floater.wire.url import ServerUrl

FAR = ServerUrl("chat.example.org", 7443, None)


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def found(server: ServerUrl, wanted: str = "") -> Proxy | None:
    return choose_proxy(wanted, server)


def test_without_any_proxy_there_is_none() -> None:
    assert found(FAR) is None


def test_what_is_wanted_comes_before_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://system.example:3128")
    mine = found(FAR, "http://mine.example:8080")
    assert mine is not None
    assert (mine.host, mine.port) == ("mine.example", 8080)
    assert found(FAR, "none") is None
    system = found(FAR)
    assert system is not None
    assert (system.host, system.port) == ("system.example", 3128)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "192.168.1.20", "::1"])
def test_a_server_near_by_needs_no_proxy_unless_one_is_wanted(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://system.example:3128")
    near = ServerUrl(host, 7443, None)
    assert found(near) is None
    assert found(near, "http://mine.example:8080") is not None


def test_a_server_that_the_system_exempts_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://system.example:3128")
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert found(FAR) is None


@pytest.mark.logs("the system names a proxy of a kind that is not supported")
def test_a_proxy_of_another_kind_is_an_error_only_where_the_person_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://system.example:1080")
    assert found(FAR) is None
    with pytest.raises(ValueError, match="proxy"):
        found(FAR, "socks5://mine.example:1080")
