"""Commands and events about paths and NATs, as scripts write and read them."""

from typing import Any

import msgspec
import pytest

from floater import api


def written(value: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"command": "network"}, api.Network()),
        ({"command": "receipt", "talk": "t"}, api.GetReceipt(talk="t")),
    ],
)
def test_a_command_is_read_as_scripts_write_it(fields: dict[str, Any], command: api.Command) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fields), type=api.AnyCommand) == command


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (
            api.Path(api.PathKind.LAN, 12.0, None, "private", talk="t", n=1),
            {
                "event": "path",
                "kind": "lan",
                "took_ms": 12.0,
                "rtt_ms": None,
                "how": "private",
                "receipt": None,
                "talk": "t",
                "n": 1,
            },
        ),
        (
            api.Trying([api.PathKind.RELAY], "crossing", talk="t", n=1),
            {"event": "trying", "kinds": ["relay"], "technique": "crossing", "talk": "t", "n": 1},
        ),
        (
            api.Receipt(1.0, 2.0, "crossing", 3),
            {"stood_ms": 1.0, "proved_ms": 2.0, "technique": "crossing", "syns": 3},
        ),
        (
            api.ReceiptChanged(api.Receipt(1.0, 2.0, "x", 3), talk="t", n=1),
            {
                "event": "receipt",
                "receipt": {"stood_ms": 1.0, "proved_ms": 2.0, "technique": "x", "syns": 3},
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


def test_the_best_way_comes_first() -> None:
    assert [*api.PathKind] == ["lan", "direct", "relay"]
