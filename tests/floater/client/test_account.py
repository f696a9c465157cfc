import pytest

from floater import api
from floater.client.account import AccountCommand, reply_of, request_for
from floater.codes import Code
from floater.errors import Refused
from floater.net.server_link import UNNUMBERED
from floater.wire import control

GOOD = "a long enough password"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (api.SignUp("ann@example.org", "Ann", GOOD, False), Code.NOT_ADULT),
        (api.SignUp("ann", "Ann", GOOD, True), Code.BAD_EMAIL),
        (api.SignUp("ann@example.org", "\u202e", GOOD, True), Code.BAD_USERNAME),
        (api.SignUp("ann@example.org", "Ann", "1234567", True), Code.BAD_PASSWORD),
        (api.SignUp("ann@example.org", "Ann", "x" * 129, True), Code.BAD_PASSWORD),
        (api.Activate("ann@example.org", "12345"), Code.WRONG_CODE),
        (api.ResendCode("@"), Code.BAD_EMAIL),
        (api.LogIn("ann", GOOD), Code.WRONG_LOG_IN),
        (api.LogIn("ann@example.org", "x" * 10_000), Code.WRONG_LOG_IN),
        (api.ForgotPassword("x" * 300 + "@example.org"), Code.BAD_EMAIL),
        (api.ResetPassword("ann@example.org", "123456", GOOD), Code.WRONG_CODE),
        (api.ResetPassword("ann@example.org", "K7QM3XBD", ""), Code.BAD_PASSWORD),
        (api.SetUsername("x" * 25), Code.BAD_USERNAME),
        (api.ChangePassword("x" * 10_000, GOOD), Code.WRONG_PASSWORD),
        (api.ChangePassword("x", "short"), Code.BAD_PASSWORD),
    ],
)
def test_what_can_be_seen_here_is_refused_here(command: AccountCommand, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        request_for(command, "en")
    assert refused.value.code is code


def test_a_code_may_be_typed_with_spaces() -> None:
    request = request_for(api.Activate(" ann@example.org ", "123 456"), "en")
    assert request == control.Activate(UNNUMBERED, "ann@example.org", "123456")
    request = request_for(api.ResetPassword("ann@example.org", "k7qm 3xbd", GOOD), "en")
    assert request == control.ResetPassword(UNNUMBERED, "ann@example.org", "k7qm3xbd", GOOD)


def test_a_sign_up_speaks_the_persons_language() -> None:
    request = request_for(api.SignUp("ann@example.org", " Ann ", GOOD, True), "zh-CN")
    assert request == control.SignUp(UNNUMBERED, "ann@example.org", "Ann", GOOD, True, "zh-CN")


def test_answers_become_replies() -> None:
    assert reply_of(control.LoggedIn(3, "Ann", "token")) == api.LoggedInReply("Ann")
    assert reply_of(control.Done(3, "mail_delayed")) == api.Noticed("mail_delayed")
