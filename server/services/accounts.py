"""Accounts: sign up, activate, log in, forget, change (spec §4.2)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from floater.wire import control
from server.config import ServerConfig


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request comes from: a peer's IP as text. A key of rate limits, never stored and never logged."""

    address: str


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of one account."""

    account: int
    username: str
    token_hash: bytes
    "SHA-256 of its token, 32 bytes."


class Accounts:
    """Everything a person can do with an account. Every method raises `ServerRefused`."""

    revoked: Callable[[int, bytes | None], None]
    """Called with an account whose log-ins have ended, all but the one with this token hash. The gateway sets it
    and closes their connections with SESSION_ENDED."""

    async def sign_up(self, m: control.SignUp, source: Source) -> control.Done:
        """Begin an account."""
        raise NotImplementedError

    async def activate(self, m: control.Activate, source: Source) -> control.Done:
        """Finish it by the code of the mail."""
        raise NotImplementedError

    async def resend_code(self, m: control.ResendCode, source: Source) -> control.Done:
        """Send that mail again, with a new code."""
        raise NotImplementedError

    async def log_in(self, m: control.LogIn, source: Source) -> tuple[Session, control.LoggedIn]:
        """Log in by password, for a fresh token."""
        raise NotImplementedError

    async def restore(self, m: control.Restore, source: Source) -> tuple[Session, control.LoggedIn]:
        """Log in by token."""
        raise NotImplementedError

    async def log_out(self, session: Session) -> None:
        """Make the token worthless."""
        raise NotImplementedError

    async def forgot_password(self, m: control.ForgotPassword, source: Source) -> control.Done:
        """Send a mail with a code to set a new password."""
        raise NotImplementedError

    async def reset_password(self, m: control.ResetPassword, source: Source) -> control.Done:
        """Set a new password by that code."""
        raise NotImplementedError

    async def set_username(self, session: Session, m: control.SetUsername) -> control.LoggedIn:
        """Change the name that strangers see. The caller's `session` keeps the old one."""
        raise NotImplementedError

    async def change_password(self, session: Session, m: control.ChangePassword) -> control.Done:
        """Change the password and end all other log-ins."""
        raise NotImplementedError


@asynccontextmanager
async def open_accounts(config: ServerConfig) -> AsyncIterator[Accounts]:
    """Open the database, the outbox and the hashing threads."""
    raise NotImplementedError
    yield Accounts()
