"""`protocol_spec.md` and the code say the same."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import msgspec.inspect
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire import (
    control,
    limits,
    mailbox,
    message_id,
    names,
    proxy_header,
    relay,
    stun,
    talk,
    ticket,
    url,
)
from floater.wire.codec import Message, encode, snake_case
from floater.wire.endpoint import Candidate, Endpoint, Scope, scope_of
from floater.wire.frame import PEER_LEG, PREFIX, SERVER_LEG, Frame, FrameReader
from floater.wire.greetings import greeting_in
from floater.wire.nat import Allocation, Filtering, Mapping, Nat, Stray
from tests.vectors.blocks import SPEC, golden_blocks, read_blocks
from tests.vectors.messages import LEGS, STUN, Leg

ROOT: Final = SPEC.parent
TEXT: Final = SPEC.read_text("utf-8")
BLOCKS: Final = read_blocks(TEXT)
SECTIONS: Final = {
    number.rstrip("."): body
    for number, body in re.findall(
        r"^#{2,4} ([\d.]+) [^\n]*\n(.*?)(?=^#{2,4} [\d.]+ |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
}
EXAMPLES: Final = [
    pytest.param(leg, name, message, body, id=name)
    for leg in LEGS
    for name, (message, body) in leg.named().items()
]


# -- golden bytes -------------------------------------------------------------------------


def frame_of(block: list[str]) -> tuple[str, bytes, bytes]:
    """Header text, body and bytes as a message's block prints them."""
    header, *rest = block
    body = bytes.fromhex(rest.pop(0).removeprefix("body ")) if rest[0].startswith("body ") else b""
    return header, body, bytes.fromhex("".join(rest))


@pytest.mark.parametrize(("leg", "name", "message", "body"), EXAMPLES)
def test_the_message_becomes_the_golden_bytes(leg: Leg, name: str, message: Message, body: bytes) -> None:
    header, golden_body, golden = frame_of(BLOCKS[name])
    assert encode(message, body) == golden
    assert golden_body == body
    assert PREFIX.pack(len(header.encode()), len(body)) + header.encode() + body == golden


@pytest.mark.parametrize(("leg", "name", "message", "body"), EXAMPLES)
def test_the_golden_bytes_become_the_message(leg: Leg, name: str, message: Message, body: bytes) -> None:
    _, _, golden = frame_of(BLOCKS[name])
    (frame,) = FrameReader(leg.limits).feed(golden)
    assert leg.codec.decode(frame) == message
    assert frame.body == body


@pytest.mark.parametrize("name", STUN)
def test_stun_goes_both_ways(name: str) -> None:
    fields, *lines = BLOCKS[name]
    golden = bytes.fromhex("".join(lines))
    message = STUN[name]
    assert stun.encode(message) == golden
    assert stun.take_message(bytearray(golden)) == message
    assert json.loads(fields)["transaction"] == message.transaction.hex()


def test_the_ticket_s_example_is_signed_and_holds() -> None:
    payload, *rest = BLOCKS["ticket example"]
    words = dict(line.split() for line in rest)
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(words["seed"]))
    assert key.public_key().public_bytes_raw().hex() == words["ticket_key"]
    assert key.sign(payload.encode()).hex() == words["signature"]
    decoded = msgspec.json.decode(payload, type=ticket.Ticket)
    assert ticket.encode_ticket(decoded) == payload.encode()


def test_the_other_blocks_hold() -> None:
    fields, line = BLOCKS["id certificate"]
    named = json.loads(fields)
    author = message_id.author_of(base64.b64decode(named["certificate"], validate=True))
    assert message_id.make_message_id(author, named["seq"]) == line
    fields, line = BLOCKS["url pinned"]
    expected = json.loads(fields)
    parsed = url.parse_server_url(line)
    assert (parsed.host, parsed.port) == (expected["host"], expected["port"])
    assert parsed.fingerprint == bytes.fromhex(expected["fingerprint"])
    assert str(parsed) == line
    for name, constant in (("bytes relay-preamble", relay.PREAMBLE), ("bytes relay-go", relay.GO)):
        text, golden = BLOCKS[name]
        assert json.loads(text).encode() == constant == bytes.fromhex(golden)
    fields, golden = BLOCKS["bytes proxy-header"]
    header = bytes.fromhex(golden)
    assert proxy_header.missing(header) == 0
    assert proxy_header.source_of(header) == Endpoint(**json.loads(fields))
    fields, golden = BLOCKS["prefix largest-part"]
    sizes = json.loads(fields)
    assert PREFIX.pack(sizes["header_size"], sizes["body_size"]).hex() == golden


def test_the_limits_of_the_prefix_are_those_of_each_leg() -> None:
    def most(field: str) -> list[int]:
        (row,) = re.findall(rf"^\| `{field}` \|.*$", SECTIONS["3.1"], re.MULTILINE)
        return [int(size) for size in re.findall(r"– (\d+) bytes", row)]

    assert most("header_size") == [SERVER_LEG.header, relay.RELAY_LEG.header, PEER_LEG.header]
    assert most("body_size") == [PEER_LEG.body]
    assert SERVER_LEG.body == relay.RELAY_LEG.body == 0  # "0 on the server leg and at the relay"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("names username", names.clean_username),
        ("names file_name", names.clean_file_name),
        ("names email", mailbox.mailbox_key),
    ],
)
def test_the_names_are_cleaned_as_printed(name: str, clean: Any) -> None:
    for line in BLOCKS[name]:
        raw, _, expected = line.rpartition("|")
        assert (clean(json.loads(raw)) or "") == expected, raw


def test_each_header_gets_what_is_printed_beside_it() -> None:
    for line in BLOCKS["headers peer"]:
        header, _, expected = line.rpartition("|")
        try:
            message = talk.decode_talk(Frame(header.encode()))
        except RemoteProtocolError as error:
            got = error.code.value
        else:
            is_known = message is not None and not isinstance(message, talk.Unknown)
            got = snake_case(type(message).__name__) if is_known else "unknown_type"
        assert got == expected, header


def test_every_block_is_checked_by_one_of_these_tests() -> None:
    by_hand = {
        "headers peer",
        "id certificate",
        "url pinned",
        "bytes relay-preamble",
        "bytes relay-go",
        "bytes proxy-header",
        "prefix largest-part",
        "names username",
        "names file_name",
        "names email",
    }
    assert set(BLOCKS) == set(golden_blocks()) | by_hand


# -- messages -----------------------------------------------------------------------------

UNIONS: Final[dict[str, Any]] = {
    "client": control.ClientMessage,
    "server": control.ServerMessage,
    "peer": talk.KnownMessage,
    "relay-client": relay.Join,
    "relay-server": relay.RelayAnswer,
}
MESSAGES: Final = [
    pytest.param(leg, cls, id=f"{leg} {snake_case(cls.__name__)}")
    for leg, union in UNIONS.items()
    for cls in getattr(union, "__args__", (union,))
]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of the tables in `text`, headings left out."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section_with(block: str) -> str:
    """The section that prints a block."""
    (section,) = [body for body in SECTIONS.values() if f"```golden {block}\n" in body]
    return str(section)


@pytest.mark.parametrize(("leg", "cls"), MESSAGES)
def test_every_message_has_a_section_with_every_field(leg: str, cls: type[Message]) -> None:
    section = section_with(f"{leg} {snake_case(cls.__name__)}")
    if leg == "relay-server" and cls is control.Refused:
        cls_section = section_with("server refused")
        section = section if "| `code` |" in section else cls_section
    check_fields(cls, section)


def test_ticket_candidate_and_nat_have_every_field() -> None:
    check_fields(ticket.Ticket, SECTIONS["4.6"])
    check_fields(Candidate, SECTIONS["5.2"])
    check_fields(Nat, SECTIONS["4.5"])


def check_fields(cls: type[msgspec.Struct], section: str) -> None:
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    printed = {row[0].strip("`"): row for row in rows(section) if len(row) == 5 and row[0] != "field"}
    assert set(printed) == {field.encode_name for field in info.fields}
    for field in info.fields:
        _, _, default, limit, _ = printed[field.encode_name]
        assert (default == "required") == field.required, field.name
        if not field.required:
            assert json.loads(default.strip("`")) == json.loads(msgspec.json.encode(_default_of(field)))
        for number in _limits_of(field.type):
            assert number in limit, (field.name, number, limit)


def _default_of(field: msgspec.inspect.Field) -> Any:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _limits_of(kind: Any) -> Iterator[str]:
    """Every bound of a type, as the specification writes it."""
    for name in ("ge", "gt", "le", "lt", "min_length", "max_length"):
        bound = getattr(kind, name, None)
        if bound is not None:
            power = int(bound).bit_length() - 1
            yield f"2^{power}" if power >= 31 and bound == 1 << power else f"{bound}"
    if getattr(kind, "pattern", None):
        yield kind.pattern
    for inner in (getattr(kind, "item_type", None), *getattr(kind, "types", ())):
        if inner is not None:
            yield from _limits_of(inner)


# -- codes, limits, words -----------------------------------------------------------------


def test_every_code_is_in_section_9_and_no_other() -> None:
    printed = [row[0].strip("`") for row in rows(SECTIONS["9"]) if row[0].startswith("`")]
    assert sorted(printed) == sorted(code.value for code in Code)


def test_every_code_that_the_text_mentions_exists() -> None:
    tables = TEXT.split("## 9. Codes")[0]
    suspects = set(re.findall(r"gets? (?:`refuse` )?`([a-z_]+)`", tables))
    suspects |= set(re.findall(r"refused with `([a-z_]+)`", tables))
    assert suspects, "the pattern finds nothing"
    assert suspects - {code.value for code in Code} - {"refused"} == set()


def test_every_limit_is_in_section_10_with_its_number() -> None:
    printed = {row[0].strip("`"): row[1] for row in rows(SECTIONS["10"]) if row[0].startswith("`")}
    there = {
        name: value
        for name, value in vars(limits).items()
        if name.isupper() and isinstance(value, int | float)
    }
    assert {name: float(value) for name, value in printed.items()} == there


def test_the_limits_of_frames_are_those_of_section_3() -> None:
    text = SECTIONS["3.1"]
    for number in (SERVER_LEG.header, PEER_LEG.header, PEER_LEG.body):
        assert f"{number} bytes" in text
    assert SERVER_LEG.body == 0


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("4.5", [word.value for words in (Mapping, Filtering, Allocation, Stray) for word in words]),
        ("4.4", [word.value for word in control.EndReason]),
    ],
)
def test_every_word_of_an_enumeration_is_explained(section: str, words: list[str]) -> None:
    printed = {row[0].strip("`") for row in rows(SECTIONS[section])}
    assert set(words) <= printed


def test_the_table_of_scopes_is_what_the_code_does() -> None:
    table = {row[0]: row[1] for row in rows(SECTIONS["5.2"]) if len(row) == 2}
    for scope in (Scope.FORBIDDEN, Scope.LOOPBACK, Scope.PRIVATE):
        nets = re.findall(r"`([0-9a-f.:]+)(?:/\d+)?`", table[scope.value])
        assert nets
        for net in nets:
            if net != "2000::":
                first = net if net != "127.0.0.0" else "127.0.0.1"
                assert scope_of(first) is scope, net
    assert scope_of("2000::") is Scope.PUBLIC


def test_the_greetings_that_are_named_are_said() -> None:
    for tag, word in re.findall(r"`(\w+)` \(([^)]+)\)", SECTIONS["7.3"]):
        assert greeting_in(tag) == word


# -- the whole ----------------------------------------------------------------------------


def test_every_section_that_is_cited_is_there() -> None:
    cited: dict[str, str] = {}
    for tree in ("floater", "server", "tests", "benchmarks"):
        for path in (ROOT / tree).rglob("*.py"):
            text = path.read_text("utf-8")
            for found in re.finditer(r"spec (§[\d.]+(?:(?:, | and |–)§[\d.]+)*)", text):
                for number in re.findall(r"§([\d.]+)", found[1]):
                    cited[number.rstrip(".")] = path.name
    for number in re.findall(r"(?<!RFC \d{4} )§([\d.]+)", re.sub(r"RFC \d+ §[\d.]+(, §[\d.]+)*", "", TEXT)):
        cited[number.rstrip(".")] = SPEC.name
    assert len(cited) > 10
    assert {number: where for number, where in cited.items() if number not in SECTIONS} == {}


def test_every_field_of_the_old_draft_has_its_place() -> None:
    request = "Request-Method Host Cache-Control Referrer User-Agent Range Content".split()
    response = "Version Date Content-type Last-modified Content-length Content-range".split()
    table = {row[0]: row[1] for row in rows(SECTIONS["12"]) if len(row) == 2 and row[0] != "field of 0.5"}
    assert list(table) == request + response
    assert all(re.search(r"§\d|retired:", place) for place in table.values())


def test_the_base64_of_the_example_is_what_section_1_says() -> None:
    header, _, _ = frame_of(BLOCKS["client seek"])
    assert base64.b64decode(json.loads(header)["certificate"], validate=True) == bytes(range(64))
