"""What a router with UPnP says and is told (spec §5.2).

After UPnP Device Architecture 1.1 (§1.3 search, §2 description, §3 calls; Annex A for IPv6),
WANIPConnection:1 and :2, and for pinholes in a firewall WANIPv6FirewallControl:1::

    M-SEARCH by UDP ─▶ LOCATION ─▶ GET: the description, with services ─▶ POST: calls to a service

All of it is text of a stranger. Nothing in it leads anywhere but back to the
router, and XML with a document type, where entities live, is not parsed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from floater.codes import Code
from floater.errors import RemoteProtocolError

SEARCH_GROUP: Final = "239.255.255.250"
SEARCH_GROUP_6: Final = "ff02::c"
SEARCH_PORT: Final = 1_900
DESCRIPTION: Final = "FLOATER"
"What the router's own page calls our mapping."
MAX_SEARCH_ANSWER: Final = 2_048
MAX_DOCUMENT: Final = 131_072
"Bytes of one answer by HTTP. Descriptions of large routers have about 50,000."
MAX_SERVICES: Final = 4
"Services tried of one router."

_KINDS: Final = (
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
)
"What maps ports, best first."
_FIREWALLS: Final = ("urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",)
_TARGET: Final = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
"A device of a later version answers to an earlier one's name."


@dataclass(frozen=True, slots=True)
class Page:
    """Something on the router's HTTP server."""

    port: int
    path: str
    "With the query."


@dataclass(frozen=True, slots=True)
class Service:
    """What maps ports on a router, or opens pinholes in it."""

    kind: str
    control: Page

    @property
    def picks_ports(self) -> bool:
        """Whether it finds another port by itself where the one wished for is taken."""
        return self.kind == _KINDS[0]


@dataclass(frozen=True, slots=True)
class Fault:
    """A call was refused; `code` is UPnP's, 0 if none was told."""

    code: int

    @property
    def is_conflict(self) -> bool:
        """Whether another computer has the external port (WANIPConnection:1 §2.4.16, code 718)."""
        return self.code == 718


def url_host(host: str) -> str:
    """Write an address as a URL has it: IPv6 in brackets, without its zone (RFC 6874 §1)."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host


def encode_search(host: str) -> bytes:
    """Lay out the question for routers (§1.3.2). `host` is who is asked: the group, or the router itself."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {url_host(host)}:{SEARCH_PORT}",
        'MAN: "ssdp:discover"',
        "MX: 1",
        f"ST: {_TARGET}",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def decode_search_answer(data: bytes, router: str) -> Page:
    """Read where a router's description is.

    Raises:
        RemoteProtocolError: FRAME_TOO_LARGE, or BAD_FRAME: no such answer, or
            its LOCATION is not on the router.
    """
    if len(data) > MAX_SEARCH_ANSWER:
        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"SSDP of {len(data)} bytes")
    status, *lines = data.decode("latin-1").split("\r\n")
    if status.split(" ")[:2] != ["HTTP/1.1", "200"]:
        raise RemoteProtocolError(Code.BAD_FRAME, "no SSDP answer")
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "location":
            return page_at(value.strip(), router)
    raise RemoteProtocolError(Code.BAD_FRAME, "SSDP answer without LOCATION")


def page_at(url: str, router: str) -> Page:
    """Read a URL that has to lead to the router itself.

    By IPv6 a router has several addresses, and names another one than that
    under which it is reached. The host in a URL is only compared, never dialled.

    Raises:
        RemoteProtocolError: BAD_FRAME; not a URL, or one of another host.
    """
    try:
        parts = urlsplit(url)
        port = 80 if parts.port is None else parts.port
    except ValueError as error:
        raise RemoteProtocolError(Code.BAD_FRAME, "no URL") from error
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    is_router = parts.hostname == router or (":" in router and ":" in (parts.hostname or ""))
    if parts.scheme != "http" or not is_router or parts.username is not None or not port:
        raise RemoteProtocolError(Code.BAD_FRAME, "a URL that leads elsewhere")
    if len(path) > 1_024 or any(not "!" <= character <= "~" for character in path):
        raise RemoteProtocolError(Code.BAD_FRAME, "a URL with strange characters")
    return Page(port, path)


def services_in(description: bytes, source: Page, router: str) -> tuple[Service, ...]:
    """List the services that map ports, or by IPv6 open pinholes; the best first, at most MAX_SERVICES.

    Args:
        description: the document.
        source: where it came from; addresses in it may be relative to that.
        router: the router's address; a service elsewhere is left out.

    Raises:
        RemoteProtocolError: FRAME_TOO_LARGE, BAD_FRAME.
    """
    root = _parse(description)
    kinds = _FIREWALLS if ":" in router else _KINDS
    base = f"http://{url_host(router)}:{source.port}{source.path}"
    texts = {_name(element): (element.text or "").strip() for element in root}
    base = texts.get("URLBase") or base
    found: list[Service] = []
    for element in root.iter():
        if _name(element) != "service":
            continue
        texts = {_name(child): (child.text or "").strip() for child in element}
        kind = texts.get("serviceType", "")
        if kind not in kinds:
            continue
        try:
            found.append(Service(kind, page_at(urljoin(base, texts.get("controlURL", "")), router)))
        except (RemoteProtocolError, ValueError):
            continue
    return tuple(sorted(found, key=lambda service: kinds.index(service.kind))[:MAX_SERVICES])


def encode_call(service: Service, action: str, arguments: Mapping[str, str]) -> tuple[str, bytes]:
    """Lay out a call (§3.2.1): the value of `SOAPAction`, and the body, `text/xml` in UTF-8."""
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments.items())
    body = (
        '<?xml version="1.0"?>\r\n'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f'<s:Body><u:{action} xmlns:u="{service.kind}">{inside}</u:{action}></s:Body></s:Envelope>\r\n'
    )
    return f'"{service.kind}#{action}"', body.encode()


def mapping_arguments(host: str, internal: int, external: int, lifetime: int) -> dict[str, str]:
    """The arguments of AddPortMapping and AddAnyPortMapping for a TCP port of ours, in their order."""
    return {
        **_which(external),
        "NewInternalPort": str(internal),
        "NewInternalClient": host,
        "NewEnabled": "1",
        "NewPortMappingDescription": DESCRIPTION,
        "NewLeaseDuration": str(lifetime),
    }


def removal_arguments(external: int) -> dict[str, str]:
    """The arguments of DeletePortMapping."""
    return _which(external)


def pinhole_arguments(host: str, port: int, lifetime: int) -> dict[str, str]:
    """Return the arguments of AddPinhole for a TCP port, for every host (WANIPv6FirewallControl:1 §2.5.3)."""
    return {
        "RemoteHost": "",
        "RemotePort": "0",
        "InternalClient": host,
        "InternalPort": str(port),
        "Protocol": "6",
        "LeaseTime": str(lifetime),
    }


def decode_result(document: bytes, action: str) -> dict[str, str] | Fault:
    """Read what a call returned, by name.

    Raises:
        RemoteProtocolError: FRAME_TOO_LARGE, BAD_FRAME.
    """
    root = _parse(document)
    for element in root.iter():
        if _name(element) == f"{action}Response":
            return {_name(child): (child.text or "").strip() for child in element}
        if _name(element) == "Fault":
            codes = [(code.text or "").strip() for code in element.iter() if _name(code) == "errorCode"]
            return Fault(_number(codes[0]) if codes else 0)
    raise RemoteProtocolError(Code.BAD_FRAME, "no answer to this call")


def port_in(result: Mapping[str, str]) -> int:
    """Read the port that AddAnyPortMapping chose; 0 if the answer holds no port."""
    return _number(result.get("NewReservedPort", ""))


def pinhole_in(result: Mapping[str, str]) -> str:
    """Read the number that AddPinhole gave; empty if the answer holds no number."""
    text = result.get("UniqueID", "")
    return text if text.isascii() and text.isdigit() and len(text) <= 5 else ""


def _which(external: int) -> dict[str, str]:
    return {"NewRemoteHost": "", "NewExternalPort": str(external), "NewProtocol": "TCP"}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _parse(document: bytes) -> ElementTree.Element:
    if len(document) > MAX_DOCUMENT:
        raise RemoteProtocolError(Code.FRAME_TOO_LARGE, f"document of {len(document)} bytes")
    try:
        text = document.strip(b"\0 \t\r\n").decode("utf-8", "replace")
        # Without a document type there are no entities but XML's own five (XML 1.0 §4.1).
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise RemoteProtocolError(Code.BAD_FRAME, "a document type")
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise RemoteProtocolError(Code.BAD_FRAME, "no XML") from error
