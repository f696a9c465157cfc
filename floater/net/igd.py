"""Talk to a router by UPnP: HTTP to its own address and to no other (spec §5.2)."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import h11

from floater.codes import Code
from floater.core.meet.port_mapping import Place
from floater.errors import RemoteProtocolError
from floater.wire import igd
from floater.wire.endpoint import Endpoint, Scope, parse_address, scope_of
from floater.wire.igd import Fault, Page, Service

EXCHANGE_TIME: Final = 3.0
"Seconds that one question and its answer may take; some routers think for two."
_OK: Final = 200
_FAULT: Final = 500
_YES: Final = ("1", "true", "yes")
"UPnP Device Architecture 1.1 §2.3, boolean."

log = logging.getLogger("floater.net")


class Igd:
    """A service of a router that maps ports."""

    def __init__(self, place: Place, service: Service, host: str) -> None:
        self.host = host
        "The router's public address, as it says; empty if it has none."
        self._place = place
        self._service = service
        self._turn = asyncio.Lock()

    async def map(self, port: int, external: int, lifetime: int) -> Endpoint | Fault | None:
        """Map a TCP port of ours.

        Args:
            port: ours.
            external: the one wished for outside.
            lifetime: seconds. A router that grants nothing but permanent ones (fault 725) grants nothing.

        Returns:
            Where it can be reached; None if no answer came.
        """
        action = "AddAnyPortMapping" if self._service.picks_ports else "AddPortMapping"
        arguments = igd.mapping_arguments(self._place.address, port, external, lifetime)
        async with self._turn:
            host = await _public_address(self._place, self._service)
            result = await _call(self._place, self._service, action, arguments)
        if result is None or isinstance(result, Fault):
            return result
        self.host = host
        return Endpoint(host, igd.port_in(result) if self._service.picks_ports else external)

    async def unmap(self, port: int, external: int) -> bool:
        """Remove the mapping of a port of ours; whether an answer came."""
        async with self._turn:
            arguments = igd.removal_arguments(external)
            return await _call(self._place, self._service, "DeletePortMapping", arguments) is not None


class Firewall:
    """A service of a router that opens pinholes in its firewall for IPv6."""

    host: None = None
    "It has no address that would be ours."

    def __init__(self, place: Place, service: Service, numbers: dict[int, str]) -> None:
        self._place = place
        self._service = service
        self._numbers = numbers
        self._turn = asyncio.Lock()

    async def map(self, port: int, external: int, lifetime: int) -> Endpoint | Fault | None:
        """Open a pinhole to a TCP port of ours, or leave it open for longer; what `Igd.map` does.

        `external` means nothing here: a pinhole changes no port.
        """
        async with self._turn:
            if (number := self._numbers.get(port)) is not None:
                more = {"UniqueID": number, "NewLeaseTime": str(lifetime)}
                result = await _call(self._place, self._service, "UpdatePinhole", more)
                if not isinstance(result, Fault):
                    return None if result is None else Endpoint(self._place.address, port)
            arguments = igd.pinhole_arguments(self._place.address, port, lifetime)
            result = await _call(self._place, self._service, "AddPinhole", arguments)
            if result is None or isinstance(result, Fault):
                return result
            if number := igd.pinhole_in(result):
                self._numbers[port] = number
        return Endpoint(self._place.address, port)

    async def unmap(self, port: int, external: int) -> bool:
        """Close the pinhole to a port of ours; whether an answer came."""
        async with self._turn:
            if (number := self._numbers.get(port)) is None:
                return True
            result = await _call(self._place, self._service, "DeletePinhole", {"UniqueID": number})
            if result is not None:
                del self._numbers[port]
            return result is not None


async def find_igd(place: Place, page: Page, numbers: dict[int, str]) -> Igd | Firewall | None:
    """Read a router's description, and find the service that maps ports; None if it has no such service.

    Of several the first with a public address is taken, else the first. For
    IPv6 it is the first whose firewall is on and can let in every remote host.

    Args:
        place: where the router is.
        page: the description.
        numbers: what the router calls its pinholes, by port of ours. It is kept
            up to date, and outlives what is found: routers announce themselves often.
    """
    try:
        status, document = await _exchange(place, page, "GET", {}, b"")
        services = igd.services_in(document, page, place.router) if status == _OK else ()
    except (OSError, RemoteProtocolError) as error:
        log.debug("< router: description: %s", _word(error))
        return None
    if ":" in place.router:
        for service in services:
            if await _allows_pinholes(place, service):
                return Firewall(place, service, numbers)
        return None
    found: Igd | None = None
    for service in services:
        host = await _public_address(place, service)
        if found is None or scope_of(host) is Scope.PUBLIC:
            found = Igd(place, service, host)
        if scope_of(host) is Scope.PUBLIC:
            break
    return found


async def _allows_pinholes(place: Place, service: Service) -> bool:
    """Ask a firewall whether it is on and accepts orders for pinholes."""
    status = await _call(place, service, "GetFirewallStatus", {})
    if status is None or isinstance(status, Fault):
        return False
    return all(status.get(name) in _YES for name in ("FirewallEnabled", "InboundPinholeAllowed"))


async def _public_address(place: Place, service: Service) -> str:
    """Ask for the router's public address; empty if it has none, or does not say."""
    result = await _call(place, service, "GetExternalIPAddress", {})
    if result is None or isinstance(result, Fault):
        return ""
    address = parse_address(result.get("NewExternalIPAddress", ""))
    return "" if address is None else str(address)


async def _call(
    place: Place, service: Service, action: str, arguments: Mapping[str, str]
) -> dict[str, str] | Fault | None:
    """Call a service; None if no answer came, or one that cannot be read."""
    name, body = igd.encode_call(service, action, arguments)
    headers = {"SOAPAction": name, "Content-Type": 'text/xml; charset="utf-8"'}
    try:
        status, document = await _exchange(place, service.control, "POST", headers, body)
        if status not in (_OK, _FAULT):
            return Fault(status)
        result = igd.decode_result(document, action)
    except (OSError, RemoteProtocolError) as error:
        log.debug("< router: %s: %s", action, _word(error))
        return None
    if isinstance(result, Fault):
        log.debug("< router: %s: fault %s", action, result.code)
    return result


async def _exchange(
    place: Place, page: Page, method: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    """Ask once, on a stream of its own. Nothing is followed, whatever the status.

    Raises:
        OSError: no answer in time.
        RemoteProtocolError: FRAME_TOO_LARGE, or BAD_FRAME: no HTTP.
    """
    async with asyncio.timeout(EXCHANGE_TIME):
        reader, writer = await asyncio.open_connection(place.router, page.port, local_addr=(place.address, 0))
        try:
            connection = h11.Connection(h11.CLIENT)
            request = h11.Request(
                method=method,
                target=page.path,
                headers=[
                    ("Host", f"{igd.url_host(place.router)}:{page.port}"),
                    ("Connection", "close"),
                    ("Content-Length", str(len(body))),
                    *headers.items(),
                ],
            )
            for part in (request, h11.Data(body), h11.EndOfMessage()):
                writer.write(connection.send(part) or b"")
            status, document = 0, bytearray()
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(16_384))
                elif isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    document += event.data
                    if len(document) > igd.MAX_DOCUMENT:
                        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, "document")
                elif isinstance(event, h11.EndOfMessage):
                    return status, bytes(document)
                elif not isinstance(event, h11.InformationalResponse):
                    raise OSError("the router hung up")
        except h11.RemoteProtocolError as error:
            raise RemoteProtocolError(Code.BAD_FRAME, "no HTTP") from error
        finally:
            writer.close()


def _word(error: Exception) -> str:
    return error.code.value if isinstance(error, RemoteProtocolError) else type(error).__name__
