"""Find out what the network allows, and put it into words."""

from typing import Final

from floater import api
from floater.client.reach import Reach
from floater.client.words import Words
from floater.core.meet.reachability import Facts, lines_about, mapped_of, reachability_of
from floater.errors import ServerRefused, Unreachable
from floater.net.server_link import UNNUMBERED, ServerLink
from floater.wire import control

ROUTER_TIME: Final = 2.0
"Seconds to wait for the router's answer to a port mapping."


async def look_around(link: ServerLink | None, reach: Reach, *, hidden: bool) -> Facts:
    """Ask the server whether it answers, and its observers what one of our ports looks like.

    Args:
        link: the server; None if there is none.
        reach: has the punch ports of the same server.
        hidden: whether the person hides their address.
    """
    if link is None:
        return Facts(server_rtt=None, hidden=hidden)
    try:
        await link.request(control.Ping(UNNUMBERED), wait=True)
    except (ServerRefused, Unreachable):
        return Facts(server_rtt=None, hidden=hidden)
    assert link.welcome is not None
    async with reach.at_hand() as port:
        await port.settled()
        router, firewall = await port.router_answers(ROUTER_TIME)
        facts = port.facts
        return Facts(
            server_rtt=link.rtt,
            nat=facts.nat,
            public=facts.public,
            private=facts.private,
            router=router,
            firewall=firewall,
            observers_asked=facts.asked,
            observers_answered=len(facts.observations),
            hidden=hidden,
            clock_offset=link.clock.offset,
        )


def reply_about(facts: Facts, words: Words) -> api.NetworkReply:
    """Return these facts as the reply of the command `network`."""
    return api.NetworkReply(
        nat=facts.nat.mapping.value,
        filtering=facts.nat.filtering.value,
        allocation=facts.nat.allocation.value,
        stray=facts.nat.stray.value,
        public=[str(place) for place in facts.public],
        private=[str(place) for place in facts.private],
        reachability=reachability_of(facts),
        mapped=[str(place) for place in mapped_of(facts)],
        words=[words.say(line.key, **line.values) for line in lines_about(facts)],
        server_ms=None if facts.server_rtt is None else round(facts.server_rtt * 1_000, 1),
    )
