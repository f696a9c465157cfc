"""What each message of a client does: the table of contents of the server."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from server.gateway.house import House
from server.services.accounts import Session

if TYPE_CHECKING:
    from server.gateway.connection import Connection

Work: TypeAlias = Coroutine[None, None, None] | None
"What is not done at once. Handlers answer by themselves, and raise `FloaterError` when they will not."


# -- accounts -----------------------------------------------------------------------------


async def _sign_up(house: House, guest: "Connection", m: control.SignUp) -> None:
    guest.send(await house.accounts.sign_up(m, guest.source))


async def _activate(house: House, guest: "Connection", m: control.Activate) -> None:
    guest.send(await house.accounts.activate(m, guest.source))


async def _resend_code(house: House, guest: "Connection", m: control.ResendCode) -> None:
    guest.send(await house.accounts.resend_code(m, guest.source))


async def _log_in(house: House, guest: "Connection", m: control.LogIn) -> None:
    _expect_logged_out(guest)
    session, answer = await house.accounts.log_in(m, guest.source)
    _arrive(house, guest, session, answer)


async def _restore(house: House, guest: "Connection", m: control.Restore) -> None:
    _expect_logged_out(guest)
    session, answer = await house.accounts.restore(m, guest.source)
    _arrive(house, guest, session, answer, next(iter(m.matches), ""))


async def _log_out(house: House, guest: "Connection", m: control.LogOut) -> None:
    session = _logged_in(guest)
    house.matchmaking.leave(guest)
    await house.accounts.log_out(session)
    guest.send(control.Done(id=m.id))


async def _forgot_password(house: House, guest: "Connection", m: control.ForgotPassword) -> None:
    guest.send(await house.accounts.forgot_password(m, guest.source))


async def _reset_password(house: House, guest: "Connection", m: control.ResetPassword) -> None:
    guest.send(await house.accounts.reset_password(m, guest.source))


async def _set_username(house: House, guest: "Connection", m: control.SetUsername) -> None:
    answer = await house.accounts.set_username(_logged_in(guest), m)
    if guest.session is not None:
        guest.session = replace(guest.session, username=answer.username)
    guest.send(answer)


async def _change_password(house: House, guest: "Connection", m: control.ChangePassword) -> None:
    guest.send(await house.accounts.change_password(_logged_in(guest), m))


# -- strangers ----------------------------------------------------------------------------


def _seek(house: House, guest: "Connection", m: control.Seek) -> None:
    house.matchmaking.seek(guest, m)


def _cancel_seek(house: House, guest: "Connection", m: control.CancelSeek) -> None:
    house.matchmaking.cancel(guest, m)


def _end_match(house: House, guest: "Connection", m: control.EndMatch) -> None:
    house.matchmaking.end_match(guest, m)


def _update_candidates(house: House, guest: "Connection", m: control.UpdateCandidates) -> None:
    house.matchmaking.update_candidates(guest, m)


def _opened(house: House, guest: "Connection", m: control.Opened) -> None:
    house.matchmaking.open(guest, m)


# -- the connection -----------------------------------------------------------------------


def _ping(house: House, guest: "Connection", m: control.Ping) -> None:
    guest.send(control.Done(id=m.id))


HANDLERS: Final[dict[type[control.Request], Callable[[House, "Connection", Any], Work]]] = {
    control.SignUp: _sign_up,
    control.Activate: _activate,
    control.ResendCode: _resend_code,
    control.LogIn: _log_in,
    control.Restore: _restore,
    control.LogOut: _log_out,
    control.ForgotPassword: _forgot_password,
    control.ResetPassword: _reset_password,
    control.SetUsername: _set_username,
    control.ChangePassword: _change_password,
    control.Seek: _seek,
    control.CancelSeek: _cancel_seek,
    control.EndMatch: _end_match,
    control.UpdateCandidates: _update_candidates,
    control.Opened: _opened,
    control.Ping: _ping,
}


def _logged_in(guest: "Connection") -> Session:
    if guest.session is None:
        raise ServerRefused(Code.NOT_LOGGED_IN)
    return guest.session


def _expect_logged_out(guest: "Connection") -> None:
    if guest.session is not None:
        raise ServerRefused(Code.ALREADY_LOGGED_IN)


def _arrive(
    house: House, guest: "Connection", session: Session, answer: control.LoggedIn, match_id: str = ""
) -> None:
    """Answer first; what matchmaking has to say comes after it. Who has gone meanwhile does not arrive."""
    if not guest.is_closed:
        guest.send(answer)
        house.matchmaking.arrive(guest, session, match_id)
