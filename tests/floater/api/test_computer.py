"""Commands and events about this computer, as scripts write and read them."""

from typing import Any

import msgspec
import pytest

from floater import api


def written(value: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"command": "quit"}, api.Quit()),
        ({"command": "status"}, api.Status()),
        ({"command": "set", "hide_address": True}, api.Set(hide_address=True)),
        ({"command": "use_server", "url": "floater://h:1"}, api.UseServer("floater://h:1")),
        ({"command": "host_here"}, api.HostHere()),
        ({"command": "practise"}, api.Practise()),
    ],
)
def test_a_command_is_read_as_scripts_write_it(fields: dict[str, Any], command: api.Command) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fields), type=api.AnyCommand) == command


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (
            api.Online(False, api.Error("timed_out", "Late."), 2.0, n=1),
            {
                "event": "online",
                "online": False,
                "error": {"code": "timed_out", "message": "Late."},
                "retry_s": 2.0,
                "n": 1,
            },
        ),
        (
            api.ServerChanged("floater://h:1", n=1),
            {"event": "server", "server": "floater://h:1", "practising": False, "n": 1},
        ),
        (api.ServerReply("floater://h:1"), {"server": "floater://h:1"}),
        (
            api.HostReply("floater://h:1", "<svg/>", "/o"),
            {"server": "floater://h:1", "qr": "<svg/>", "outbox": "/o"},
        ),
    ],
)
def test_what_is_told_has_the_names_that_scripts_rely_on(
    value: msgspec.Struct, fields: dict[str, Any]
) -> None:
    assert written(value) == fields


def test_a_status_says_everything_even_where_nothing_is_on() -> None:
    settings = api.Settings(hide_address=False, language="en", downloads="/d")
    status = api.StatusReply(
        state=api.State.SIGNED_OUT, username=None, path=None, online=False, server="", settings=settings
    )
    assert written(status) == {
        "state": "signed_out",
        "username": None,
        "path": None,
        "online": False,
        "server": "",
        "settings": {
            "hide_address": False,
            "language": "en",
            "downloads": "/d",
            "appearance": "auto",
            "address_asked": False,
            "map_port": True,
        },
        "version": "",
        "practising": False,
        "talks": [],
        "n": 0,
    }
