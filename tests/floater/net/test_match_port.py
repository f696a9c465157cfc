import asyncio
import socket

import pytest

from floater.core.meet import orders
from floater.core.meet.port import Probed
from floater.net.match_port import MatchPort
from floater.net.punch_port import PunchPort, prepare_punch_port
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray
from floater.wire.stun import Probe
from floater.wire.url import ServerUrl
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio


async def prepared() -> PunchPort:
    return await prepare_punch_port(server=ServerUrl("127.0.0.1", 1, None), observers=(), observer_key="k")


def is_free(number: int) -> bool:
    with socket.socket() as own:
        try:
            own.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


async def test_what_is_learnt_of_the_port_in_use_is_fed() -> None:
    fed: list[orders.Event] = []
    port = await prepared()
    match_port = MatchPort(port, fed.append)
    assert match_port.begin() == port.facts
    port._feed(Probed({Probe.OTHER_ADDRESS: Stray.RESET}))
    assert fed == [orders.PortChanged(port.facts)]
    match_port.perform(orders.LookAround())
    assert fed[1:] == [orders.PortChanged(port.facts)]
    await match_port.close()


async def test_a_fresh_port_takes_the_place_of_the_one_before_which_is_given_back() -> None:
    fed: list[orders.Event] = []
    first, second = await prepared(), await prepared()
    match_port = MatchPort(first, fed.append)
    match_port.begin()
    assert match_port.offer(second) == second.facts
    match_port.perform(orders.UsePort())
    await match_port.settled()
    assert is_free(first.facts.port)
    match_port.perform(orders.Listen())
    reader, writer = await asyncio.open_connection("127.0.0.1", second.facts.port)
    while not fed:
        await asyncio.sleep(0)
    assert isinstance(fed[0], orders.Connected)
    match_port.drop(fed[0].stream)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
    match_port.perform(orders.Withdraw())
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", second.facts.port)
    await match_port.close()
    assert is_free(second.facts.port)


async def test_dials_and_waves_go_out_from_it_and_streams_get_fresh_numbers() -> None:
    fed: list[orders.Event] = []
    port = await prepared()
    match_port = MatchPort(port, fed.append)
    match_port.begin()
    ends: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        await reader.read()

    async with serving(hold) as there:
        place = Endpoint("127.0.0.1", there)
        match_port.perform(orders.Dial(place))
        match_port.perform(orders.Wave((place,), None, low=False))
        async with asyncio.timeout(30):
            while len(fed) < 3 or len(ends) < 2:
                await asyncio.sleep(0.001)
        streams = {event.stream for event in fed if isinstance(event, orders.Connected)}
        assert len(streams) == 2
        assert match_port.number() not in streams
        assert port.facts.port in {end.get_extra_info("peername")[1] for end in ends}
        await match_port.close()


async def test_without_a_port_there_is_nothing_to_look_at() -> None:
    fed: list[orders.Event] = []
    match_port = MatchPort(None, fed.append)
    assert match_port.begin() is None
    match_port.perform(orders.LookAround())
    match_port.drop(1)
    offered = await prepared()
    match_port.offer(offered)
    await match_port.close()
    assert is_free(offered.facts.port), "it is closed although it was never used"
    late = await prepared()
    match_port.offer(late)
    await match_port.settled()
    assert is_free(late.facts.port)
    assert fed == []
