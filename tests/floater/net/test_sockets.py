import asyncio
import socket

import pytest

from floater.net.sockets import (
    NOTSENT_LOW_WATER,
    forget_on_close,
    local_of,
    prepare_link,
    punch_socket,
    remote_of,
)
from floater.wire.endpoint import Endpoint

LOCALHOST = "127.0.0.1"


def test_one_port_listens_and_dials_at_once() -> None:
    with punch_socket(socket.AF_INET, 0) as held:
        port = local_of(held).port
        with (
            punch_socket(socket.AF_INET, port) as listener,
            punch_socket(socket.AF_INET, port) as dialling,
            socket.create_server((LOCALHOST, 0)) as other,
        ):
            listener.listen()
            dialling.setblocking(True)
            dialling.connect(other.getsockname())
            incoming, place = other.accept()
            with incoming, socket.create_connection((LOCALHOST, port)):
                assert place == (LOCALHOST, port)


def test_ports_are_fresh() -> None:
    held = [punch_socket(socket.AF_INET, 0) for _ in range(50)]
    assert len({local_of(sock).port for sock in held}) == 50
    for sock in held:
        sock.close()


def test_ipv6_shares_the_number_and_nothing_else() -> None:
    with punch_socket(socket.AF_INET, 0) as v4:
        port = local_of(v4).port
        with punch_socket(socket.AF_INET6, port) as v6:
            assert v6.getsockname()[1] == port
            assert v6.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_a_port_that_cannot_be_had_leaves_nothing_open() -> None:
    with socket.create_server((LOCALHOST, 0)) as taken, pytest.raises(OSError, match="in use"):
        punch_socket(socket.AF_INET, taken.getsockname()[1])


@pytest.mark.asyncio
async def test_a_forgotten_stream_leaves_room_for_the_next_between_the_same_ports() -> None:
    loop = asyncio.get_running_loop()
    with punch_socket(socket.AF_INET, 0) as held, punch_socket(socket.AF_INET, 0) as listener:
        port, place = local_of(held).port, (LOCALHOST, local_of(listener).port)
        listener.listen()
        for _ in range(5):
            sock = punch_socket(socket.AF_INET, port)
            await loop.sock_connect(sock, place)
            incoming, _ = await loop.sock_accept(listener)
            assert remote_of(incoming) == Endpoint(LOCALHOST, port)
            forget_on_close(sock)
            sock.close()
            incoming.close()
        forget_on_close(sock)  # a closed one is no trouble


def test_a_link_sends_at_once_and_queues_little() -> None:
    with (
        socket.create_server((LOCALHOST, 0)) as server,
        socket.create_connection(server.getsockname()) as sock,
    ):
        prepare_link(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_LOW_WATER
        assert not sock.getblocking()
