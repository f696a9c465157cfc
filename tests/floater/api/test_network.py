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
            api.Path(
                api.PathKind.RELAY,
                12.0,
                3.0,
                "relay-tls",
                api.Receipt(
                    1.0,
                    2.0,
                    "birthday",
                    3,
                    api.NatWords("endpoint", "unknown", "random", "unknown"),
                    None,
                    api.RelayReason.FAILED,
                ),
                talk="t",
                n=1,
            ),
            {
                "event": "path",
                "kind": "relay",
                "took_ms": 12.0,
                "rtt_ms": 3.0,
                "how": "relay-tls",
                "receipt": {
                    "stood_ms": 1.0,
                    "proved_ms": 2.0,
                    "technique": "birthday",
                    "syns": 3,
                    "our_nat": {
                        "mapping": "endpoint",
                        "filtering": "unknown",
                        "allocation": "random",
                        "stray": "unknown",
                    },
                    "why_relay": "failed",
                },
                "talk": "t",
                "n": 1,
            },
        ),
        (
            api.NetworkReply("none", "none", "kept", "silent", ["a:1"], ["b:2"], "open", ["Good."], None, []),
            {
                "nat": "none",
                "filtering": "none",
                "allocation": "kept",
                "stray": "silent",
                "public": ["a:1"],
                "private": ["b:2"],
                "reachability": "open",
                "words": ["Good."],
                "server_ms": None,
                "mapped": [],
            },
        ),
        (
            api.ReceiptReply(
                path=None,
                how="",
                rtt_ms=None,
                over=True,
                matched_ms=1.0,
                stood_ms=None,
                proved_ms=None,
                greeted_ms=None,
                changes=[api.PathChange(2.0, api.PathKind.RELAY, "relay")],
                receipt=None,
                words=["Over."],
                text="Receipt\nOver.",
            ),
            {
                "path": None,
                "how": "",
                "rtt_ms": None,
                "over": True,
                "matched_ms": 1.0,
                "stood_ms": None,
                "proved_ms": None,
                "greeted_ms": None,
                "changes": [{"at_ms": 2.0, "kind": "relay", "how": "relay"}],
                "receipt": None,
                "words": ["Over."],
                "text": "Receipt\nOver.",
            },
        ),
        (
            api.PathChange(1.5, None, "lost"),
            {"at_ms": 1.5, "kind": None, "how": "lost"},
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


def test_the_reasons_for_the_relay_are_those_that_scripts_rely_on() -> None:
    assert [*api.RelayReason] == ["hidden", "no_places", "unpredictable", "under_way", "failed"]
