"""One target for every parser of hostile bytes: what may come out, and what must hold of it."""

import unicodedata

from floater.errors import Refused, RemoteProtocolError
from floater.net.network_watch import read_news
from floater.wire import control, igd, nat_pmp, pcp, proxy_header, relay, stun, talk
from floater.wire.codec import Codec, encode
from floater.wire.endpoint import Endpoint, parse_address, scope_of
from floater.wire.frame import PEER_LEG, PREFIX, SERVER_LEG, Frame, FrameLimits, FrameReader
from floater.wire.limits import MAX_FILE_NAME, MAX_USERNAME
from floater.wire.mailbox import mailbox_key
from floater.wire.names import (
    clean_file_name,
    clean_username,
    is_password_acceptable,
)
from floater.wire.ticket import check_ticket
from floater.wire.url import parse_server_url
from floater.wire.visible import clean_text
from tests.fuzz.choose import Choices, frame_of


def read_stream(data: bytes, limits: FrameLimits, codec: Codec[control.ClientMessage]) -> None:
    """Any bytes, split anywhere: the same frames, then the same error; never more held than one frame."""
    choices = Choices(data)
    step = 1 + choices.below(64)
    stream = choices.rest()
    reader = FrameReader(limits)
    frames: list[Frame] = []
    failed: RemoteProtocolError | None = None
    for at in range(0, len(stream), step):
        try:
            frames += reader.feed(stream[at : at + step])
            reader.check()
        except RemoteProtocolError as error:
            failed = error
            break
        assert reader.pending <= PREFIX.size + limits.header + limits.body
    whole: list[Frame] = []
    refused: RemoteProtocolError | None = None
    reader = FrameReader(limits)
    try:
        whole = reader.feed(stream)
        reader.check()
    except RemoteProtocolError as error:
        refused = error
    assert (failed and failed.code) == (refused and refused.code)
    assert whole == frames
    for frame in frames:
        read_header(frame, codec)


def read_header(frame: Frame, codec: Codec[control.ClientMessage]) -> None:
    """Any header: a message that survives the way back, or RemoteProtocolError."""
    try:
        message = codec.decode(frame)
    except RemoteProtocolError:
        return
    again = FrameReader(FrameLimits(65_535, 0)).feed(encode(message))
    assert codec.decode(again[0]) == message


def client_messages(data: bytes) -> None:
    """What a server reads from a client."""
    read_stream(data, SERVER_LEG, control.CLIENT_MESSAGES)


def server_messages(data: bytes) -> None:
    """What a client reads from a server."""
    read_stream(data, SERVER_LEG, control.SERVER_MESSAGES)  # type: ignore[arg-type]  # generic over the union


def talk_messages(data: bytes) -> None:
    """What a client reads from a stranger."""
    read_stream(data, PEER_LEG, talk.TALK_MESSAGES)  # type: ignore[arg-type]  # generic over the union


def shaped_messages(data: bytes) -> None:
    """Messages of every type of both legs, their fields at the edges of what is allowed and beyond."""
    choices = Choices(data)
    legs = (
        (control.ClientMessage.__args__, control.CLIENT_MESSAGES, SERVER_LEG),
        (control.ServerMessage.__args__, control.SERVER_MESSAGES, SERVER_LEG),
        (talk.TalkMessage.__args__, talk.TALK_MESSAGES, PEER_LEG),
        ((relay.Join,), relay.JOIN_MESSAGES, SERVER_LEG),
        ((relay.Joined, control.Refused), relay.RELAY_ANSWERS, SERVER_LEG),
    )
    while choices.left:
        types, codec, limits = choices.pick(legs)
        try:
            frames = FrameReader(limits).feed(frame_of(choices.pick(types), choices))
        except RemoteProtocolError:
            continue
        for frame in frames:
            read_header(frame, codec)  # type: ignore[arg-type]  # generic over the union


def relay_join(data: bytes) -> None:
    """The relay's preamble and the frame after it, at once and byte by byte."""
    for step in (len(data) + 1, 1):
        reader = relay.JoinReader()
        try:
            for at in range(0, len(data), step):
                if reader.feed(data[at : at + step]) is not None:
                    break
        except RemoteProtocolError:
            pass
    if data.startswith(relay.PREAMBLE):
        data = data[len(relay.PREAMBLE) :]
    read_stream(b"\x07" + data, SERVER_LEG, relay.JOIN_MESSAGES)  # type: ignore[arg-type]  # generic
    read_stream(b"\x01" + data, SERVER_LEG, relay.RELAY_ANSWERS)  # type: ignore[arg-type]  # generic


def proxied(data: bytes) -> None:
    """A PROXY header: the same source in any split, from its own bytes alone, or RemoteProtocolError."""
    results: list[tuple[int, Endpoint | None]] = []
    for step in (1, len(data)):
        header = bytearray()
        try:
            while (wanted := proxy_header.missing(header)) and len(header) < len(data):
                header += data[len(header) : len(header) + min(step, wanted)]
            source = None if wanted else proxy_header.source_of(header)
        except RemoteProtocolError:
            results.append((-1, None))
            continue
        assert len(header) <= proxy_header.MAX_HEADER
        if source is not None:
            parse_address(source.host)
        results.append((len(header), source))
    assert results[0] == results[-1]


def stun_message(data: bytes) -> None:
    """A STUN stream: whole messages that survive the way back, in any split, or RemoteProtocolError."""
    buffer = bytearray(data)
    taken: list[stun.StunMessage] = []
    try:
        while (message := stun.take_message(buffer)) is not None:
            taken.append(message)
    except RemoteProtocolError:
        pass
    split = bytearray()
    again: list[stun.StunMessage] = []
    try:
        for byte in data:
            split.append(byte)
            if (message := stun.take_message(split)) is not None:
                again.append(message)
            assert len(split) <= 20 + 512
    except RemoteProtocolError:
        pass
    assert taken == again
    for message in taken:
        if isinstance(message, stun.BindingResponse):
            scope_of(message.mapped.host)
        if not isinstance(message, stun.BindingRequest) or len(message.username.encode()) <= 490:
            assert stun.take_message(bytearray(stun.encode(message))) == message


def ticket(data: bytes) -> None:
    """A ticket's payload: only BAD_TICKET may come out."""
    try:
        check_ticket(
            data, match_id="m1", role=control.Role.LEADER, own=b"a" * 64, peer=b"b" * 64, server_time=1_000.0
        )
    except RemoteProtocolError:
        return


def url(data: bytes) -> None:
    """A server's address as a person pastes it: one that reads back the same, or Refused."""
    text = data.decode("utf-8", "replace")
    try:
        parsed = parse_server_url(text)
    except Refused:
        return
    assert parse_server_url(str(parsed)) == parsed


def names(data: bytes) -> None:
    """Names that a stranger wrote: clean, short, and clean already when cleaned again."""
    text = data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("utf-8", "replace")
    clean = clean_text(text)
    assert clean_text(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    name = clean_username(text)
    if name is not None:
        assert clean_username(name) == name
        assert 1 <= len(name) <= MAX_USERNAME
        assert name.replace("\u200d", "").isprintable()
    file_name = clean_file_name(text)
    assert 1 <= len(file_name.encode("utf-8")) <= MAX_FILE_NAME
    assert not set(file_name) & set('/\\:*?"<>|\0\n')
    assert file_name not in {".", ".."}
    assert not file_name.startswith(".")
    assert not file_name.endswith((".", " "))
    assert file_name.split(".")[0].strip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
    assert clean_file_name(file_name) == file_name
    email = mailbox_key(text)
    if email is not None:
        assert mailbox_key(email) == email
        assert email.count("@") == 1
    is_password_acceptable(text)


def network_news(data: bytes) -> None:
    """What the kernel says of the network: addresses that it named, and interfaces, one a message at most."""
    news = list(read_news(data))
    assert len(news) <= len(data) // 16
    assert all(isinstance(each, int) or each.packed in data for each in news)


def addresses(data: bytes) -> None:
    """An address in any spelling: a scope, and never an error."""
    text = data.decode("utf-8", "replace")
    assert (parse_address(text) is not None) or scope_of(text).value == "forbidden"


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def router_answers(data: bytes) -> None:
    """Any datagram or document of a router: an answer, or RemoteProtocolError; no page but on the router."""
    source = igd.Page(80, "/d.xml")
    for read in (
        lambda: nat_pmp.decode_answer(data),
        lambda: pcp.decode_answer(data),
        lambda: igd.decode_search_answer(data, "192.168.1.1"),
        lambda: igd.services_in(data, source, "192.168.1.1"),
        lambda: igd.decode_result(data, "AddPortMapping"),
    ):
        try:
            read()
        except RemoteProtocolError:
            pass
