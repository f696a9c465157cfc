"""Commands about the account, as scripts write them."""

from typing import Any

import msgspec
import pytest

from floater import api


def written(value: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        (
            {"command": "sign_up", "email": "a@b.c", "username": "Ann", "password": "p", "adult": True},
            api.SignUp("a@b.c", "Ann", "p", True),
        ),
        ({"command": "activate", "email": "a@b.c", "code": "123456"}, api.Activate("a@b.c", "123456")),
        ({"command": "log_in", "email": "a@b.c", "password": "p"}, api.LogIn("a@b.c", "p")),
        ({"command": "log_out"}, api.LogOut()),
        ({"command": "set_username", "username": "Bo"}, api.SetUsername("Bo")),
        ({"command": "change_password", "old": "o", "new": "n"}, api.ChangePassword("o", "n")),
        ({"command": "forgot_password", "email": "a@b.c"}, api.ForgotPassword("a@b.c")),
        (
            {"command": "reset_password", "email": "a@b.c", "code": "1", "password": "p"},
            api.ResetPassword("a@b.c", "1", "p"),
        ),
        ({"command": "resend_code", "email": "a@b.c"}, api.ResendCode("a@b.c")),
    ],
)
def test_a_command_is_read_as_scripts_write_it(fields: dict[str, Any], command: api.Command) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fields), type=api.AnyCommand) == command


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (api.LoggedInReply("Ann"), {"username": "Ann"}),
        (api.Noticed(), {}),
        (api.Noticed("mail_delayed", "It waits."), {"notice": "mail_delayed", "message": "It waits."}),
        (
            api.Mailed("a@b.c", "Hello", "123456", "text", n=1),
            {"event": "mailed", "to": "a@b.c", "subject": "Hello", "code": "123456", "text": "text", "n": 1},
        ),
    ],
)
def test_what_is_told_has_the_names_that_scripts_rely_on(
    value: msgspec.Struct, fields: dict[str, Any]
) -> None:
    assert written(value) == fields
