"""Commands and events of a talk, as scripts write and read them."""

from typing import Any

import msgspec
import pytest

from floater import api


def written(value: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"command": "seek"}, api.Seek()),
        ({"command": "cancel_seek"}, api.CancelSeek()),
        ({"command": "greet", "language": "zh"}, api.Greet("zh")),
        ({"command": "send_text", "text": "hi", "talk": "t"}, api.SendText("hi", talk="t")),
        ({"command": "hang_up"}, api.HangUp()),
        ({"command": "typing", "typing": True}, api.Typing(True)),
        ({"command": "retry", "message_id": "a.1"}, api.Retry("a.1")),
        ({"command": "talks"}, api.Talks()),
        ({"command": "mark_read", "message_id": "a.1", "talk": "t"}, api.MarkRead("a.1", talk="t")),
        ({"command": "history", "talk": "t"}, api.History(talk="t")),
    ],
)
def test_a_command_is_read_as_scripts_write_it(fields: dict[str, Any], command: api.Command) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fields), type=api.AnyCommand) == command


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (api.StateChanged(api.State.HOME, n=2), {"event": "state", "state": "home", "n": 2}),
        (
            api.Matched("m", api.PeerName("Bob"), talk="m", n=1),
            {
                "event": "matched",
                "match_id": "m",
                "peer": {"username": "Bob"},
                "talk": "m",
                "n": 1,
            },
        ),
        (
            api.TalkChanged(api.TalkKind.LOBBY, "Bоb", api.Standing.OPEN, True, talk="t", n=1),
            {
                "event": "talk",
                "kind": "lobby",
                "name": "Bоb",
                "standing": "open",
                "mixed": True,
                "talk": "t",
                "n": 1,
            },
        ),
        (
            api.PeerGreeted("en", "Hello", talk="t", n=1),
            {"event": "peer_greeted", "language": "en", "greeting": "Hello", "talk": "t", "n": 1},
        ),
        (
            api.Greeted("zh", "你好", talk="t", n=1),
            {"event": "greeted", "language": "zh", "greeting": "你好", "talk": "t", "n": 1},
        ),
        (
            api.Said("a.1", "hi", talk="t", n=1),
            {"event": "said", "message_id": "a.1", "text": "hi", "talk": "t", "n": 1},
        ),
        (
            api.Undelivered("a.1", api.Error("not_delivered", "Late."), talk="t", n=1),
            {
                "event": "undelivered",
                "message_id": "a.1",
                "error": {"code": "not_delivered", "message": "Late."},
                "talk": "t",
                "n": 1,
            },
        ),
        (api.PeerTyping(True, talk="t", n=1), {"event": "peer_typing", "typing": True, "talk": "t", "n": 1}),
        (api.PeerBack(talk="t", n=1), {"event": "peer_back", "talk": "t", "n": 1}),
        (
            api.Delivered("a.1", talk="t", n=1),
            {"event": "delivered", "message_id": "a.1", "talk": "t", "n": 1},
        ),
        (
            api.TalkEnded(api.Ended.PEER_LOST, 1.5, talk="t", n=1),
            {"event": "ended", "reason": "peer_lost", "lasted_s": 1.5, "talk": "t", "n": 1},
        ),
        (api.PeerAway(30.0, talk="t", n=1), {"event": "peer_away", "grace_s": 30.0, "talk": "t", "n": 1}),
        (api.TextReply("a.1"), {"message_id": "a.1"}),
        (api.TalksReply([]), {"talks": []}),
        (
            api.TalkInfo("t", api.TalkKind.STRANGER, "Bob", api.Standing.OPEN, 2, None, True, False),
            {
                "talk": "t",
                "kind": "stranger",
                "name": "Bob",
                "standing": "open",
                "unread": 2,
                "path": None,
                "greeted": True,
                "peer_greeted": False,
                "mixed": False,
            },
        ),
    ],
)
def test_what_is_told_has_the_names_that_scripts_rely_on(
    value: msgspec.Struct, fields: dict[str, Any]
) -> None:
    assert written(value) == fields


def test_the_words_are_those_that_scripts_rely_on() -> None:
    assert [*api.State] == ["signed_out", "home", "seeking", "connecting", "greeting", "talking"]
    assert [*api.Standing] == ["apart", "connecting", "greeting", "open", "over"]
    assert [*api.TalkKind] == ["stranger", "lobby", "nearby", "contact", "group"]
    assert [*api.Ended] == [
        "you_hung_up",
        "peer_hung_up",
        "peer_lost",
        "peer_misbehaved",
        "logged_in_elsewhere",
        "logged_out",
        "server_closed",
    ]
