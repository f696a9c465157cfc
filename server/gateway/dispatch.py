"""What each request does: a handler for each message of a client."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeAlias

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from server.gateway.backend import Backend
from server.services.account_parts import Session
from server.services.guests import Guest

Work: TypeAlias = Coroutine[None, None, None] | None
"The part of a request that takes time. A handler sends the answer itself, or raises `FloaterError`."


# -- accounts -----------------------------------------------------------------------------


async def _sign_up(backend: Backend, guest: Guest, m: control.SignUp) -> None:
    guest.send(await backend.accounts.sign_up(m, guest.source))


async def _activate(backend: Backend, guest: Guest, m: control.Activate) -> None:
    guest.send(await backend.accounts.activate(m, guest.source))


async def _resend_code(backend: Backend, guest: Guest, m: control.ResendCode) -> None:
    guest.send(await backend.accounts.resend_code(m, guest.source))


async def _log_in(backend: Backend, guest: Guest, m: control.LogIn) -> None:
    _expect_logged_out(guest)
    session, answer = await backend.accounts.log_in(m, guest.source)
    await _arrive(backend, guest, session, answer)


async def _restore(backend: Backend, guest: Guest, m: control.Restore) -> None:
    _expect_logged_out(guest)
    session, answer = await backend.accounts.restore(m, guest.source)
    await _arrive(backend, guest, session, answer, m.matches, stranger=m.match_with_stranger)


async def _log_out(backend: Backend, guest: Guest, m: control.LogOut) -> None:
    session = _logged_in(guest)
    backend.matchmaking.leave(guest)
    await backend.accounts.log_out(session)
    guest.send(control.Done(id=m.id))


async def _forgot_password(backend: Backend, guest: Guest, m: control.ForgotPassword) -> None:
    guest.send(await backend.accounts.passwords.forgot(m, guest.source))


async def _reset_password(backend: Backend, guest: Guest, m: control.ResetPassword) -> None:
    guest.send(await backend.accounts.passwords.reset(m, guest.source))


async def _set_username(backend: Backend, guest: Guest, m: control.SetUsername) -> None:
    session = _logged_in(guest)
    answer = await backend.accounts.set_username(session, m)
    backend.matchmaking.rename(guest, replace(session, username=answer.username))
    guest.send(answer)


async def _change_password(backend: Backend, guest: Guest, m: control.ChangePassword) -> None:
    guest.send(await backend.accounts.passwords.change(_logged_in(guest), m))


# -- strangers ----------------------------------------------------------------------------


def _seek(backend: Backend, guest: Guest, m: control.Seek) -> None:
    backend.matchmaking.seek(guest, m)


def _cancel_seek(backend: Backend, guest: Guest, m: control.CancelSeek) -> None:
    backend.matchmaking.cancel(guest, m)


def _end_match(backend: Backend, guest: Guest, m: control.EndMatch) -> None:
    backend.matchmaking.end_match(guest, m)


def _update_candidates(backend: Backend, guest: Guest, m: control.UpdateCandidates) -> None:
    backend.matchmaking.update_candidates(guest, m)


def _opened(backend: Backend, guest: Guest, m: control.Opened) -> None:
    backend.matchmaking.open(guest, m)


# -- the connection -----------------------------------------------------------------------


def _ping(backend: Backend, guest: Guest, m: control.Ping) -> None:
    guest.send(control.Done(id=m.id, time=time.time()))


HANDLERS: Final[dict[type[control.Request], Callable[[Backend, Guest, Any], Work]]] = {
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


def _logged_in(guest: Guest) -> Session:
    if guest.session is None:
        raise ServerRefused(Code.NOT_LOGGED_IN)
    return guest.session


def _expect_logged_out(guest: Guest) -> None:
    if guest.session is not None:
        raise ServerRefused(Code.ALREADY_LOGGED_IN)


async def _arrive(
    backend: Backend,
    guest: Guest,
    session: Session,
    answer: control.LoggedIn,
    match_ids: tuple[str, ...] = (),
    *,
    stranger: str = "",
) -> None:
    """Answer, then log the client in, so that the answer comes before news; unless it has gone.

    Raises:
        ServerRefused: SESSION_ENDED; the log-in was revoked while we waited for the database.
    """
    number = await backend.matchmaking.next_number()
    if not backend.accounts.is_current(session):
        raise ServerRefused(Code.SESSION_ENDED)
    if not guest.is_closed:
        guest.send(answer)
        backend.matchmaking.arrive(guest, session, number, match_ids, stranger=stranger)
