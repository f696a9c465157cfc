"""Which HTTP proxy, if any, leads out of this network."""

import logging
import urllib.request

from floater.net.server_connect import Proxy, parse_proxy
from floater.wire.endpoint import Scope, scope_of
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.net")


def choose_proxy(wanted: str, server: ServerUrl) -> Proxy | None:
    """Choose the proxy for a server.

    Args:
        wanted: `http://host:port`, `none`, or empty for what the system says
            (`HTTPS_PROXY`, `NO_PROXY` or the system's own settings).
        server: where to; one on this computer or in a private network needs
            no proxy unless one is wanted.

    Raises:
        ValueError: `wanted` is no proxy.
    """
    if wanted:
        return parse_proxy(wanted)
    if server.host == "localhost" or scope_of(server.host) in (Scope.LOOPBACK, Scope.PRIVATE):
        return None
    found = urllib.request.getproxies().get("https", "")
    if not found or urllib.request.proxy_bypass(server.host):
        return None
    try:
        return parse_proxy(found)
    except ValueError:
        log.warning("= the system names a proxy of a kind that is not supported")
        return None
