"""What every command, reply and event has."""

from typing import Any, get_args

import msgspec
import pytest

from floater import api
from floater.api import account, base, computer, files, network, talk

MODULES = (account, base, computer, files, network, talk)
COMMANDS, REPLIES, EVENTS = (set(get_args(union)) for union in (api.AnyCommand, api.AnyReply, api.AnyEvent))
BASES = {api.Command, api.OfTalk, api.Reply, api.Event, api.TalkEvent}


def classes(kind: type) -> set[type]:
    return {
        found
        for module in MODULES
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, kind) and found not in BASES
    }


@pytest.mark.parametrize(
    ("kind", "union"), [(api.Command, COMMANDS), (api.Event, EVENTS)], ids=["commands", "events"]
)
def test_no_command_and_no_event_is_left_out(kind: type, union: set[type]) -> None:
    assert classes(kind) == union
    tags = [found.__struct_config__.tag for found in union]  # type: ignore[attr-defined]
    assert len(tags) == len(set(tags))


def test_no_reply_is_left_out() -> None:
    assert classes(api.Reply) | {api.HistoryReply} == REPLIES
    assert set(api.REPLIES.values()) <= REPLIES
    assert set(api.REPLIES) <= COMMANDS


@pytest.mark.parametrize("event", sorted(EVENTS, key=str))
def test_every_event_is_numbered_and_that_of_a_talk_names_it(event: type[api.Event]) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(event)}
    assert fields["n"].default == 0
    assert ("talk" in fields) == issubclass(event, api.TalkEvent)
    assert issubclass(event, api.TalkEvent) == (
        event not in {api.Ready, api.StateChanged, api.Online, api.ServerChanged, api.Mailed, api.Notice}
    )


def test_a_number_and_a_talk_never_come_before_what_an_event_is_about() -> None:
    event = api.TextReceived("a.1", "hi", talk="t", n=7)
    written = msgspec.json.decode(msgspec.json.encode(event))
    assert written == {"event": "text", "message_id": "a.1", "text": "hi", "talk": "t", "n": 7}


def read(fields: dict[str, Any]) -> api.Command:
    command: api.Command = msgspec.json.decode(msgspec.json.encode(fields), type=api.AnyCommand)
    return command


def test_a_command_about_a_talk_names_it_or_none() -> None:
    assert read({"command": "greet"}) == api.Greet()
    assert read({"command": "greet", "talk": "t"}) == api.Greet(talk="t")


def test_exactly_these_commands_are_about_a_talk() -> None:
    assert {command for command in COMMANDS if issubclass(command, api.OfTalk)} == {
        api.Greet,
        api.SendText,
        api.Retry,
        api.Typing,
        api.HangUp,
        api.MarkRead,
        api.History,
        api.GetReceipt,
        api.SendFile,
        api.Accept,
        api.Decline,
        api.Pause,
        api.Resume,
        api.Cancel,
    }


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (api.Ready("1.0", n=1), {"event": "ready", "version": "1.0", "n": 1}),
        (
            api.Notice("address", "Seen.", n=1),
            {"event": "notice", "code": "address", "message": "Seen.", "n": 1},
        ),
        (api.Error("a", "b"), {"code": "a", "message": "b"}),
        (api.Empty(), {}),
        (
            api.HistoryReply([api.Recorded(1.5, api.PeerBack(talk="t", n=3))], 3, 8),
            {
                "events": [{"at": 1.5, "happened": {"event": "peer_back", "talk": "t", "n": 3}}],
                "n": 3,
                "earlier": 8,
            },
        ),
    ],
)
def test_what_is_told_has_the_names_that_scripts_rely_on(
    value: msgspec.Struct, fields: dict[str, Any]
) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value)) == fields


@pytest.mark.parametrize(
    "fields", [{"command": "sing"}, {"command": "send_text"}, {"command": "send_text", "text": 1}, {}]
)
def test_what_is_no_command_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(fields)


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert read({"command": "seek", "mood": "merry"}) == api.Seek()
