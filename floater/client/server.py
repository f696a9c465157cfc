"""The parts of a person on a server, made by the configuration: engine, link, performers of matches."""

from collections.abc import Callable
from typing import Final

from floater import __version__
from floater.client.search import Announced
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.engine import Engine
from floater.core.meet import orders as meet
from floater.core.meet.introduction import Introduction
from floater.core.meet.meeting import DEAF
from floater.core.meet.technique import Allowance
from floater.core.person.reconnect import Reached
from floater.core.talk.talk import TalkConfig
from floater.errors import Refused
from floater.net.meeting import Performer
from floater.net.proxies import choose_proxy
from floater.net.server_link import UNNUMBERED, ServerLink
from floater.net.sockets import RULES
from floater.wire import control
from floater.wire.url import ServerUrl

AGENT: Final = f"floater/{__version__}"
"What a server is told of this program."


def engine_by(config: ClientConfig) -> Engine:
    """Make the engine of one person on one server."""
    deaf = DEAF if RULES.prompts else 0.0
    return Engine(config.meeting, TalkConfig(max_file=config.max_file), Allowance(), deaf=deaf)


async def ping(link: ServerLink | None) -> None:
    """Make sure that the server is there and is the right one; if it is not reached, try once, now.

    Raises:
        Refused: SERVER_URL_INVALID: there is none.
        ServerRefused, Unreachable.
    """
    if link is None:
        raise Refused(Code.SERVER_URL_INVALID)
    await link.request(control.Ping(UNNUMBERED), wait=True)


def link_to(
    url: ServerUrl,
    config: ClientConfig,
    language: Callable[[], str],
    reached: Callable[[Reached], None] = lambda _: None,
    news: Callable[[control.News], None] = lambda _: None,
) -> ServerLink:
    """Make a link to a server, not started yet.

    Args:
        url: the server.
        config: the knobs.
        language: gives the language in which the server writes to the person.
        reached: called when the server is reached, or is not any more.
        news: called with what the server says unasked.

    Raises:
        ValueError: the proxy of the configuration is not supported.
    """
    choose_proxy(config.proxy, url)  # an unusable setting is found now
    return ServerLink(
        url,
        config=config,
        proxy=lambda: choose_proxy(config.proxy, url),
        agent=AGENT,
        language=language,
        reached=reached,
        news=news,
    )


def connect(
    link: ServerLink | None,
    config: ClientConfig,
    take: Callable[[str, bytes], Announced],
    introduction: Introduction,
    feed: Callable[[meet.Event], None],
    received: Callable[[], int],
) -> Performer:
    """Make what performs the orders of one meeting.

    Args:
        link: to the server that introduced the two. There is one, as there is an introduction.
        config: the knobs.
        take: gives up the key and the port that were announced for this match.
        introduction: who the peer is.
        feed: takes the events.
        received: tells the highest number of the peer that was processed.
    """
    assert link is not None
    announced = take(introduction.match_id, introduction.own)
    return Performer(
        introduction,
        match_key=announced.key,
        server_time=link.clock.now,
        punch_port=announced.port,
        server=link.url,
        proxy=choose_proxy(config.proxy, link.url),
        feed=feed,
        received=received,
    )
