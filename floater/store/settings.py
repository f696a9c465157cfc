"""The settings of this computer: one JSON file in the data folder, written whole or not at all."""

import json
import locale
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from floater.codes import Code
from floater.errors import Refused
from floater.languages import choose_language
from floater.whole import write_whole

log = logging.getLogger("floater.store")

FILE: Final = "settings.json"
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person has set."""

    hide_address: bool = False
    map_port: bool = True
    "Whether the router is asked to let others in."
    language: str = ""
    "BCP 47; empty: as the system speaks."
    downloads: str = ""
    "Folder for accepted files; empty: the system's downloads folder."
    server: str = ""
    "The server used last."
    appearance: str = ""
    "`light`, `dark` or `contrast`; empty or `auto`: as the system looks."
    address_asked: bool = False
    "Whether the person has answered if strangers may see their address."
    addresses_told: bool = False
    "Whether the person has been told that a direct link shows addresses."


class SettingsFile:
    """Reads and writes `settings.json`. Keys of a later version are kept."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._all: dict[str, Any] = {}
        self.set_aside = False
        "Whether the file was broken and now lies beside as `settings.json.broken`."
        self.values = self._load()

    def _load(self) -> Settings:
        try:
            with self._path.open("rb") as file:
                content = file.read(_LARGEST)
            found = json.loads(content)
            if not isinstance(found, dict):
                raise ValueError("no object")
            self._all = found
        except FileNotFoundError:
            pass
        except (ValueError, RecursionError):
            self.set_aside = True
            log.warning("= settings are unreadable; set aside")
            try:
                os.replace(self._path, self._path.with_name(FILE + ".broken"))
            except OSError as error:
                log.warning("= settings cannot be set aside: %s", type(error).__name__)
        except OSError as error:
            log.warning("= settings cannot be read: %s", type(error).__name__)
        return Settings(
            hide_address=self._all.get("hide_address") is True,
            map_port=self._all.get("map_port") is not False,
            language=self._text("language"),
            downloads=self._text("downloads"),
            server=self._text("server"),
            appearance=self._text("appearance"),
            address_asked=self._all.get("address_asked") is True,
            addresses_told=self._all.get("addresses_told") is True,
        )

    def _text(self, key: str) -> str:
        value = self._all.get(key, "")
        return value if isinstance(value, str) and _is_usable(value) else ""

    def change(self, **changes: bool | str | None) -> Settings:
        """Set what is not None and write the file.

        Raises:
            Refused: STORAGE_FAILED; nothing has changed.
        """
        new = {key: value for key, value in changes.items() if value is not None}
        if all(getattr(self.values, key) == value for key, value in new.items()):
            return self.values
        everything = {**self._all, **new}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, _encode(everything))
        except OSError as error:
            log.warning("= settings cannot be written: %s", type(error).__name__)
            raise Refused(Code.STORAGE_FAILED) from error
        self._all = everything
        current = {key: getattr(self.values, key) for key in Settings.__slots__}
        self.values = Settings(**{**current, **new})
        return self.values

    @property
    def language(self) -> str:
        """The language to speak: what was set, else the system's."""
        return self.values.language or system_language(os.environ)

    @property
    def downloads(self) -> Path:
        """The folder for accepted files."""
        if self.values.downloads:
            return Path(self.values.downloads)
        try:
            return platformdirs.user_downloads_path()
        except RuntimeError:  # this user has no home folder
            return self._path.parent / "downloads"


def _is_usable(text: str) -> bool:
    """Return whether a text may be a path; all others may be more."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _encode(everything: Mapping[str, Any]) -> bytes:
    """Write the settings; a path that is not UTF-8 has lone surrogates, which JSON readers of Python take."""
    return json.dumps(everything, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def system_language(environment: Mapping[str, str]) -> str:
    """The language of the system as far as it tells, one of ours."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return choose_language(environment[name])
    return choose_language(locale.getlocale()[0] or "en")
