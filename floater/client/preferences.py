"""Show and change the settings, as the API has them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from floater import api
from floater.codes import Code
from floater.errors import Refused
from floater.failures import write_failure
from floater.languages import choose_language
from floater.store.paths import expand
from floater.store.settings import SettingsFile

MAX_LANGUAGE: Final = 35
APPEARANCES: Final = ("auto", "light", "dark", "contrast")


def change(settings: SettingsFile, wish: api.Set) -> None:
    """Carry out the command `set`.

    Raises:
        Refused: NO_SUCH_FILE, BAD_COMMAND, STORAGE_FAILED; nothing has changed.
    """
    if wish.downloads and not expand(wish.downloads).is_dir():
        raise Refused(Code.NO_SUCH_FILE)
    if wish.language is not None and len(wish.language) > MAX_LANGUAGE:
        raise Refused(Code.BAD_COMMAND)
    if wish.appearance is not None and wish.appearance not in APPEARANCES:
        raise Refused(Code.BAD_COMMAND)
    settings.change(
        hide_address=wish.hide_address,
        map_port=wish.map_port,
        language=wish.language,
        downloads=wish.downloads and str(expand(wish.downloads).absolute()),
        appearance=wish.appearance,
        address_asked=wish.address_asked,
    )


def tell_of_addresses(settings: SettingsFile, notice: Callable[[Code], None]) -> None:
    """Tell the person once, before it happens, that a direct link shows addresses.

    A person who hides the address is not told. Where that it was told cannot be
    stored, it is told again.
    """
    if not (settings.values.addresses_told or settings.values.hide_address):
        notice(Code.DIRECT_SHOWS_ADDRESSES)
        with suppress(Refused):  # logged
            settings.change(addresses_told=True)


def shown(settings: SettingsFile) -> api.Settings:
    """Return the settings as `status` has them."""
    return api.Settings(
        hide_address=settings.values.hide_address,
        map_port=settings.values.map_port,
        language=choose_language(settings.language),
        downloads=str(settings.downloads),
        appearance=settings.values.appearance or "auto",
        address_asked=settings.values.address_asked,
    )


def folder_for(settings: SettingsFile, to: str) -> Path:
    """Return the folder for an accepted file: `to`, or the downloads folder, created if missing.

    Raises:
        Refused: NO_SUCH_FILE, or as `write_failure`.
    """
    if to:
        folder = expand(to).absolute()
        if not folder.is_dir():
            raise Refused(Code.NO_SUCH_FILE)
        return folder
    folder = settings.downloads
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise Refused(write_failure(error)) from error
    return folder
