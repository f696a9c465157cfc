"""The commands about an account: checked here first, then sent to the server as requests."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from floater import api
from floater.client.words import Words
from floater.codes import Code
from floater.core.person import session
from floater.errors import FloaterError, Refused
from floater.net.server_link import UNNUMBERED
from floater.wire import control
from floater.wire.limits import CODE_DIGITS, MAX_PASSWORD, RESET_CODE_LENGTH
from floater.wire.mailbox import parse_mailbox
from floater.wire.names import clean_username, is_password_acceptable

AccountCommand: TypeAlias = (
    api.SignUp
    | api.Activate
    | api.ResendCode
    | api.LogIn
    | api.ForgotPassword
    | api.ResetPassword
    | api.SetUsername
    | api.ChangePassword
)
ACCOUNT_COMMANDS: Final = AccountCommand.__args__


async def carry_out(
    command: AccountCommand,
    ask: Callable[[control.Request], Awaitable[control.Done | control.LoggedIn]],
    state: api.State,
    words: Words,
    feed: Callable[[session.LoggedIn], None],
) -> api.Reply:
    """Carry out a command about the account.

    Args:
        command: the command.
        ask: sends a request and returns the answer; see `SessionRequests.ask`.
        state: where the person stands.
        words: write the sentence of a notice.
        feed: takes the log-in, if the answer is one.

    Raises:
        Refused: ALREADY_LOGGED_IN, NOT_LOGGED_IN, and what `request_for` and `ask` raise.
        ServerRefused, Unreachable.
    """
    if isinstance(command, api.LogIn) and state is not api.State.SIGNED_OUT:
        raise Refused(Code.ALREADY_LOGGED_IN)
    if isinstance(command, api.SetUsername | api.ChangePassword) and state is api.State.SIGNED_OUT:
        raise Refused(Code.NOT_LOGGED_IN)
    answer = await ask(request_for(command, words.language))
    if isinstance(answer, control.LoggedIn):
        feed(session.LoggedIn(answer.username, answer.token))
    reply = reply_of(answer)
    if isinstance(reply, api.Noticed) and reply.notice:
        said = words.error(control.code_of(reply.notice).value)
        reply = api.Noticed(said.code, said.message)
    return reply


def request_for(command: AccountCommand, language: str) -> control.Request:
    """Return the request for a command.

    Raises:
        Refused: BAD_EMAIL, BAD_USERNAME, BAD_PASSWORD, NOT_ADULT, WRONG_CODE,
            WRONG_LOG_IN, WRONG_PASSWORD: the server would refuse it with the same code.
    """
    match command:
        case api.SignUp(email, username, password, adult):
            if not adult:
                raise Refused(Code.NOT_ADULT)
            return control.SignUp(
                UNNUMBERED, _email(email), _username(username), _new(password), adult, language
            )
        case api.Activate(email, code):
            return control.Activate(UNNUMBERED, _email(email), _code(code, CODE_DIGITS))
        case api.ResendCode(email):
            return control.ResendCode(UNNUMBERED, _email(email))
        case api.LogIn(email, password):
            if parse_mailbox(email) is None or len(password) > MAX_PASSWORD:
                raise Refused(Code.WRONG_LOG_IN)
            return control.LogIn(UNNUMBERED, email.strip(), password)
        case api.ForgotPassword(email):
            return control.ForgotPassword(UNNUMBERED, _email(email), language)
        case api.ResetPassword(email, code, password):
            return control.ResetPassword(
                UNNUMBERED, _email(email), _code(code, RESET_CODE_LENGTH), _new(password)
            )
        case api.SetUsername(username):
            return control.SetUsername(UNNUMBERED, _username(username))
        case api.ChangePassword(old, new):
            if len(old) > MAX_PASSWORD:
                raise Refused(Code.WRONG_PASSWORD)
            return control.ChangePassword(UNNUMBERED, old, _new(new))


def reply_of(answer: control.Done | control.LoggedIn) -> api.Reply:
    """Return the reply for an answer of the server; a notice in it has no sentence yet."""
    match answer:
        case control.LoggedIn(username=username):
            return api.LoggedInReply(username)
        case control.Done(notice=notice):
            return api.Noticed(notice)
    raise FloaterError(Code.INTERNAL, type(answer).__name__)


def _email(text: str) -> str:
    if parse_mailbox(text) is None:
        raise Refused(Code.BAD_EMAIL)
    return text.strip()


def _username(text: str) -> str:
    if (name := clean_username(text)) is None:
        raise Refused(Code.BAD_USERNAME)
    return name


def _new(password: str) -> str:
    if not is_password_acceptable(password):
        raise Refused(Code.BAD_PASSWORD)
    return password


def _code(text: str, length: int) -> str:
    code = "".join(text.split())
    if len(code.replace("-", "")) != length:
        raise Refused(Code.WRONG_CODE)
    return code
