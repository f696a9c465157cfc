"""Commands and events about the account: from sign-up to a change of password, and their mails."""

from floater.api.base import Command, Event, Reply


class SignUp(Command, frozen=True):
    """Make an account. `adult` states "I am 18 or older". A mail with a code follows."""

    email: str
    username: str
    password: str
    adult: bool


class Activate(Command, frozen=True):
    """Enter the six digits of the mail."""

    email: str
    code: str


class ResendCode(Command, frozen=True):
    """Ask for that mail again."""

    email: str


class LogIn(Command, frozen=True):
    """Log in, and stay so until `log_out`, also over restarts."""

    email: str
    password: str


class LogOut(Command, frozen=True):
    """End the log-in here; ends a talk too."""


class ForgotPassword(Command, frozen=True):
    """Ask for a mail with a code to set a new password."""

    email: str


class ResetPassword(Command, frozen=True):
    """Set a new password by that code."""

    email: str
    code: str
    password: str


class SetUsername(Command, frozen=True):
    """Change the name that strangers see, from the next talk on."""

    username: str


class ChangePassword(Command, frozen=True):
    """Change the password."""

    old: str
    new: str


class Noticed(Reply, frozen=True):
    """Done, with something to know: a code and its sentence."""

    notice: str = ""
    message: str = ""


class LoggedInReply(Reply, frozen=True):
    """Logged in under this name."""

    username: str


class Mailed(Event, frozen=True):
    """A mail of a server on this computer that has no mail server, for the address just typed."""

    to: str
    subject: str
    code: str
    "The code in it, of six digits or of eight characters."
    text: str
