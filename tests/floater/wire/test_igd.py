"""UPnP as a router speaks it, and as somebody speaks it who wants us elsewhere."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.igd import (
    MAX_DOCUMENT,
    MAX_SEARCH_ANSWER,
    MAX_SERVICES,
    Fault,
    Page,
    Service,
    decode_result,
    decode_search_answer,
    encode_call,
    encode_search,
    mapping_arguments,
    page_at,
    pinhole_arguments,
    pinhole_in,
    port_in,
    removal_arguments,
    services_in,
)

ROUTER = "192.168.1.1"
SOURCE = Page(5_000, "/rootDesc.xml")
IP_1 = "urn:schemas-upnp-org:service:WANIPConnection:1"
IP_2 = "urn:schemas-upnp-org:service:WANIPConnection:2"
FIREWALL = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
ROUTER_6 = "fe80::1%eth0"
PPP = "urn:schemas-upnp-org:service:WANPPPConnection:1"


def service(kind: str, control: str) -> str:
    return f"<service><serviceType>{kind}</serviceType><controlURL>{control}</controlURL></service>"


def description(*services: str, base: str = "") -> bytes:
    return (
        '<?xml version="1.0"?>\n<root xmlns="urn:schemas-upnp-org:device-1-0">'
        + (f"<URLBase>{base}</URLBase>" if base else "")
        + "<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
        "<deviceList><device>"
        f"<serviceList>{''.join(services)}</serviceList></device></deviceList></device></root>"
    ).encode()


# -- the search ---------------------------------------------------------------------------


def test_the_search_is_laid_out_as_the_architecture_draws_it() -> None:
    assert encode_search("239.255.255.250") == (
        b"M-SEARCH * HTTP/1.1\r\n"
        b"HOST: 239.255.255.250:1900\r\n"
        b'MAN: "ssdp:discover"\r\n'
        b"MX: 1\r\n"
        b"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
        b"\r\n"
    )


def test_the_answer_leads_to_the_description() -> None:
    answer = b"HTTP/1.1 200 OK\r\nST: x\r\nlocation:  http://192.168.1.1:5000/rootDesc.xml?a=b \r\n\r\n"
    assert decode_search_answer(answer, ROUTER) == Page(5_000, "/rootDesc.xml?a=b")


@pytest.mark.parametrize(
    "location",
    [
        "http://192.168.1.2:5000/d.xml",
        "http://127.0.0.1/d.xml",
        "http://[::1]/d.xml",
        "http://localhost/d.xml",
        "http://192.168.1.1@10.0.0.1/d.xml",
        "http://user@192.168.1.1/d.xml",
        "http://192.168.1.1.example.org/d.xml",
        "http://3232235777/d.xml",
        "https://192.168.1.1/d.xml",
        "file:///etc/passwd",
        "//192.168.1.1/d.xml",
        "/d.xml",
        "http://192.168.1.1:0/d.xml",
        "http://192.168.1.1:99999/d.xml",
        "http://192.168.1.1:x/d.xml",
        "http://[192.168.1.1/d.xml",
        "http://192.168.1.1/d xml",
        "http://192.168.1.1/\x7f",
        "http://192.168.1.1/" + "d" * 1_024,
        "",
    ],
)
def test_an_answer_leads_nowhere_but_to_the_router(location: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_search_answer(f"HTTP/1.1 200 OK\r\nLOCATION: {location}\r\n\r\n".encode("latin-1"), ROUTER)
    assert caught.value.code is Code.BAD_FRAME


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.BAD_FRAME),
        (b"HTTP/1.1 200 OK\r\n\r\n", Code.BAD_FRAME),
        (b"HTTP/1.1 404 No\r\nLOCATION: http://192.168.1.1/\r\n\r\n", Code.BAD_FRAME),
        (b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n", Code.BAD_FRAME),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * MAX_SEARCH_ANSWER, Code.FRAME_TOO_LARGE),
    ],
)
def test_what_is_no_answer_to_a_search_is_refused(data: bytes, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_search_answer(data, ROUTER)
    assert caught.value.code is code


# -- the description ----------------------------------------------------------------------


def test_by_ipv6_the_router_may_name_another_address_of_its_own_and_firewalls_count() -> None:
    """Where it leads is a page of the router: its address is not taken from there."""
    assert b"HOST: [fe80::1]:1900\r\n" in encode_search("fe80::1")
    found = b"HTTP/1.1 200 OK\r\nLOCATION: http://[2001:db8::1]:5000/rootDesc.xml\r\n\r\n"
    assert decode_search_answer(found, ROUTER_6) == SOURCE
    text = description(service(IP_2, "/c"), service(FIREWALL, "/f"), base="http://[2001:db8::1]:5000/x/")
    assert services_in(text, SOURCE, ROUTER_6) == (Service(FIREWALL, Page(5_000, "/f")),)
    relative = description(service(FIREWALL, "f"))
    assert services_in(relative, SOURCE, ROUTER_6) == (Service(FIREWALL, Page(5_000, "/f")),)
    for host in ("192.168.1.1", "example.org", "[2001:db8::1"):
        with pytest.raises(RemoteProtocolError):
            page_at(f"http://{host}:5000/rootDesc.xml", ROUTER_6)


def test_services_are_found_wherever_they_stand_the_best_first() -> None:
    services = (PPP, "/ppp"), ("urn:x", "/x"), (IP_1, "ip1"), (IP_2, "/ip2?v")
    found = services_in(description(*(service(*one) for one in services)), SOURCE, ROUTER)
    assert found == (
        Service(IP_2, Page(5_000, "/ip2?v")),
        Service(IP_1, Page(5_000, "/ip1")),
        Service(PPP, Page(5_000, "/ppp")),
    )
    assert [one.picks_ports for one in found] == [True, False, False]


def test_addresses_may_be_relative_to_another_place_on_the_router() -> None:
    document = description(service(IP_1, "control"), base="http://192.168.1.1:80/upnp/")
    assert services_in(document, SOURCE, ROUTER) == (Service(IP_1, Page(80, "/upnp/control")),)


def test_a_service_elsewhere_is_left_out() -> None:
    document = description(
        service(IP_2, "http://127.0.0.1:631/"), service(IP_1, "//10.0.0.1/c"), service(PPP, "http://[/")
    )
    assert services_in(document, SOURCE, ROUTER) == ()
    assert services_in(description(service(IP_1, "c"), base="http://10.0.0.1/"), SOURCE, ROUTER) == ()


def test_a_router_with_ever_more_services_is_not_asked_at_all_of_them() -> None:
    document = description(*(service(IP_1, f"/{n}") for n in range(50)))
    assert len(services_in(document, SOURCE, ROUTER)) == MAX_SERVICES


BOMB = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><root>&b;</root>'


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (BOMB, Code.BAD_FRAME),
        (b'<?xml version="1.0"?>\n\n' + BOMB, Code.BAD_FRAME),
        (b'<!DOCTYPE r SYSTEM "http://10.0.0.1/x.dtd"><root/>', Code.BAD_FRAME),
        (BOMB.decode().encode("utf-16"), Code.BAD_FRAME),
        (b'<?xml version="1.0" encoding="utf-7"?>' + BOMB.decode().encode("utf-7"), Code.BAD_FRAME),
        (b"<root>&nbsp;</root>", Code.BAD_FRAME),
        (b"<root", Code.BAD_FRAME),
        (b"", Code.BAD_FRAME),
        (b"<root>" + b" " * MAX_DOCUMENT + b"</root>", Code.FRAME_TOO_LARGE),
    ],
)
def test_a_document_that_could_grow_or_lead_elsewhere_is_not_parsed(document: bytes, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        services_in(document, SOURCE, ROUTER)
    assert caught.value.code is code


def test_letters_of_an_old_character_set_are_no_obstacle() -> None:
    document = description(service(IP_1, "/c")).replace(b"<device>", b"<name>caf\xe9</name><device>", 1)
    assert services_in(document.replace(b'"1.0"', b'"1.0" encoding="iso-8859-1"'), SOURCE, ROUTER)


def test_a_document_as_deep_as_it_is_long_is_read() -> None:
    depth = MAX_DOCUMENT // 7 - 1
    assert services_in(b"<a>" * depth + b"</a>" * depth, SOURCE, ROUTER) == ()


# -- calls --------------------------------------------------------------------------------


def test_a_call_is_laid_out_as_the_architecture_draws_it() -> None:
    name, body = encode_call(
        Service(IP_1, SOURCE), "AddPortMapping", mapping_arguments("192.168.1.10", 40_001, 40_002, 600)
    )
    assert name == f'"{IP_1}#AddPortMapping"'
    assert body.decode() == (
        '<?xml version="1.0"?>\r\n'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f'<s:Body><u:AddPortMapping xmlns:u="{IP_1}">'
        "<NewRemoteHost></NewRemoteHost><NewExternalPort>40002</NewExternalPort><NewProtocol>TCP</NewProtocol>"
        "<NewInternalPort>40001</NewInternalPort><NewInternalClient>192.168.1.10</NewInternalClient>"
        "<NewEnabled>1</NewEnabled><NewPortMappingDescription>FLOATER</NewPortMappingDescription>"
        "<NewLeaseDuration>600</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>\r\n"
    )
    assert list(removal_arguments(7)) == ["NewRemoteHost", "NewExternalPort", "NewProtocol"]


def test_a_pinhole_is_asked_for_in_the_order_of_its_arguments() -> None:
    """WANIPv6FirewallControl:1 §2.5.3: 6 is TCP, an empty host and port 0 are everybody."""
    assert list(pinhole_arguments("2001:db8::7", 40_001, 600).items()) == [
        ("RemoteHost", ""),
        ("RemotePort", "0"),
        ("InternalClient", "2001:db8::7"),
        ("InternalPort", "40001"),
        ("Protocol", "6"),
        ("LeaseTime", "600"),
    ]


def answer(inside: str) -> bytes:
    envelope = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    return f"{envelope}<s:Body>{inside}</s:Body></s:Envelope>".encode()


def test_results_and_faults_are_read() -> None:
    good = answer(
        f'<u:AddResponse xmlns:u="{IP_1}"><NewReservedPort> 40002\n</NewReservedPort></u:AddResponse>'
    )
    assert decode_result(good, "Add") == {"NewReservedPort": "40002"}
    fault = answer(
        "<s:Fault><faultcode>s:Client</faultcode><detail><UPnPError xmlns='urn:schemas-upnp-org:control-1-0'>"
        "<errorCode>725</errorCode></UPnPError></detail></s:Fault>"
    )
    assert decode_result(fault, "Add") == Fault(725)
    assert decode_result(answer("<s:Fault/>"), "Add") == Fault(0)
    assert decode_result(fault.replace(b"725", b"9" * 5_000), "Add") == Fault(0)
    with pytest.raises(RemoteProtocolError):
        decode_result(good, "Delete")


@pytest.mark.parametrize("text", ["", "x", "-1", "٣", "123456"])
def test_a_number_of_a_pinhole_that_is_none_is_nothing(text: str) -> None:
    assert pinhole_in({"UniqueID": text}) == ""
    assert pinhole_in({}) == ""
    assert pinhole_in({"UniqueID": "0"}) == "0"


@pytest.mark.parametrize("text", ["", "x", "-1", "٣", "123456"])
def test_a_port_that_is_none_is_nought(text: str) -> None:
    assert port_in({"NewReservedPort": text}) == 0
    assert port_in({}) == 0


@given(st.text(max_size=80))
def test_whatever_follows_the_router_in_a_url_is_a_page_or_refused(text: str) -> None:
    with suppress(RemoteProtocolError):
        page = page_at(f"http://{ROUTER}{text}", ROUTER)
        assert page.path.startswith("/")
        assert 1 <= page.port <= 65_535


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (
        lambda: decode_search_answer(data, ROUTER),
        lambda: services_in(data, SOURCE, ROUTER),
        lambda: decode_result(data, "Add"),
    ):
        with suppress(RemoteProtocolError):
            read()


def test_only_a_port_that_another_computer_has_is_a_conflict() -> None:
    assert Fault(718).is_conflict
    assert not Fault(725).is_conflict
