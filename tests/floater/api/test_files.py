"""Commands and events about files, as scripts write and read them."""

from typing import Any

import msgspec
import pytest

from floater import api


def written(value: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"command": "send_file", "path": "/a"}, api.SendFile("/a")),
        ({"command": "accept", "transfer_id": "a.1"}, api.Accept("a.1")),
        ({"command": "accept", "transfer_id": "a.1", "to": "/b"}, api.Accept("a.1", "/b")),
        ({"command": "decline", "transfer_id": "a.1", "talk": "t"}, api.Decline("a.1", talk="t")),
        ({"command": "pause", "transfer_id": "a.1", "talk": "t"}, api.Pause("a.1", talk="t")),
        ({"command": "resume", "transfer_id": "a.1", "talk": "t"}, api.Resume("a.1", talk="t")),
        ({"command": "cancel", "transfer_id": "a.1", "talk": "t"}, api.Cancel("a.1", talk="t")),
    ],
)
def test_a_command_is_read_as_scripts_write_it(fields: dict[str, Any], command: api.Command) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fields), type=api.AnyCommand) == command


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (api.FileReply("a.1"), {"transfer_id": "a.1"}),
        (
            api.Offer("a.1", "x.png", "image/png", 9, talk="t", n=1),
            {
                "event": "offer",
                "transfer_id": "a.1",
                "name": "x.png",
                "content_type": "image/png",
                "size": 9,
                "preview": None,
                "talk": "t",
                "n": 1,
            },
        ),
        (
            api.Offered("a.1", "x.png", "image/png", 9, api.Preview(1, 1, b"\x00\x01\x02"), talk="t", n=1),
            {
                "event": "offered",
                "transfer_id": "a.1",
                "name": "x.png",
                "content_type": "image/png",
                "size": 9,
                "preview": {"width": 1, "height": 1, "pixels": "AAEC"},
                "talk": "t",
                "n": 1,
            },
        ),
        (
            api.Accepted("a.1", talk="t", n=1),
            {"event": "accepted", "transfer_id": "a.1", "talk": "t", "n": 1},
        ),
        (
            api.Paused("a.1", True, False, talk="t", n=1),
            {
                "event": "paused",
                "transfer_id": "a.1",
                "by_you": True,
                "by_peer": False,
                "talk": "t",
                "n": 1,
            },
        ),
        (
            api.Progress("a.1", 1, 9, talk="t", n=1),
            {"event": "progress", "transfer_id": "a.1", "bytes": 1, "size": 9, "talk": "t", "n": 1},
        ),
        (
            api.Received("a.1", "/x", "sha256:00", talk="t", n=1),
            {
                "event": "received",
                "transfer_id": "a.1",
                "path": "/x",
                "digest": "sha256:00",
                "talk": "t",
                "n": 1,
            },
        ),
        (api.Sent("a.1", talk="t", n=1), {"event": "sent", "transfer_id": "a.1", "talk": "t", "n": 1}),
        (
            api.Failed("a.1", api.Error("declined", "No."), talk="t", n=1),
            {
                "event": "failed",
                "transfer_id": "a.1",
                "error": {"code": "declined", "message": "No."},
                "talk": "t",
                "n": 1,
            },
        ),
    ],
)
def test_what_is_told_has_the_names_that_scripts_rely_on(
    value: msgspec.Struct, fields: dict[str, Any]
) -> None:
    assert written(value) == fields
