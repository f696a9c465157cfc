from typing import get_args

import msgspec
import pytest

from floater import api as core
from floater.desktop import api


def test_no_command_of_the_window_has_the_name_of_one_of_the_core() -> None:
    names = [
        cls.__struct_config__.tag for cls in (*get_args(core.AnyCommand), *get_args(api.AnyShellCommand))
    ]
    assert len(names) == len(set(names))


def test_no_command_of_the_window_takes_a_path() -> None:
    fields = {field for cls in get_args(api.AnyShellCommand) for field in cls.__struct_fields__}
    assert fields == {"talk", "transfer_id", "upload", "url", "page"}


def test_every_reply_is_of_a_command_there_is() -> None:
    assert set(api.SHELL_REPLIES) <= set(get_args(api.AnyShellCommand))


@pytest.mark.parametrize(
    "fields",
    [
        {"command": "send_upload", "upload": 0},
        {"command": "open_link", "url": "x" * 4_097},
        {"command": "keep", "page": "x" * 65_537},
    ],
)
def test_what_is_out_of_bounds_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, api.AnyShellCommand)
