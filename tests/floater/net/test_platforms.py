import errno
import os
import resource
import socket
import sys
from dataclasses import replace

import pytest

from floater.net.platforms import platform_of, room_for_sockets
from floater.net.sockets import LOW_TTL, RULES, connect_low, local_of, punch_socket
from floater.wire.endpoint import Endpoint


def test_each_system_has_its_own_way_to_share_a_port() -> None:
    assert platform_of("linux").share == platform_of("darwin").share == ("SO_REUSEADDR", "SO_REUSEPORT")
    assert platform_of("freebsd14").share == platform_of("darwin").share
    assert platform_of("win32").share == ("SO_REUSEADDR",)
    assert platform_of(sys.platform) == RULES


def test_only_where_listening_makes_the_firewall_ask_do_we_begin_without() -> None:
    assert platform_of("win32").prompts
    assert not platform_of("linux").prompts
    assert not platform_of("darwin").prompts


def test_only_linux_ends_a_connect_for_an_icmp_error_and_can_be_told_not_to() -> None:
    assert platform_of("linux").deaf == (socket.IPPROTO_IP, 21)
    assert platform_of("darwin").deaf is None
    assert platform_of("win32").deaf is None


def test_where_a_loop_watches_few_sockets_a_wave_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("floater.net.platforms.resource", None)
    assert room_for_sockets(platform_of("win32"), 1_024, 0) == 384
    assert room_for_sockets(platform_of("win32"), 16, 0) == 16
    assert room_for_sockets(platform_of("win32"), 32, 370) == 14
    assert room_for_sockets(platform_of("win32"), 32, 500) == 0


def test_a_soft_limit_gives_way_and_a_hard_one_makes_waves_smaller() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/dev/fd"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 64, hard))
        assert room_for_sockets(RULES, 200, 0) == 200
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised >= used + 200
        assert room_for_sockets(replace(RULES, watches=2 * hard), hard + 10, 0) < hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("family", "host", "level", "name"),
    [
        (socket.AF_INET, "127.0.0.1", socket.IPPROTO_IP, socket.IP_TTL),
        (socket.AF_INET6, "::1", socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
    ],
)
def test_a_low_syn_leaves_the_socket_as_it_was(
    family: socket.AddressFamily, host: str, level: int, name: int
) -> None:
    with socket.create_server((host, 0), family=family) as server, punch_socket(family, 0) as sock:
        usual = sock.getsockopt(level, name)
        assert usual > LOW_TTL
        result = connect_low(sock, Endpoint(host, local_of(server).port))
        assert result in (0, errno.EINPROGRESS)
        incoming, _ = server.accept()  # nobody stands between
        incoming.close()
        assert sock.getsockopt(level, name) == usual
