"""Run a server inside this program: for the people around, or to practise alone."""

import importlib
import io
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import segno

from floater.codes import Code
from floater.errors import Refused

LISTEN: Final = "0.0.0.0:7443"
LISTEN_ANYWHERE: Final = "0.0.0.0:0"
"Any free port, if 7443 is in use."
LISTEN_ALONE: Final = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Hosted:
    """A server that runs in this program."""

    url: str
    outbox: Path


class Hosting:
    """Runs at most one server in this program."""

    def __init__(self) -> None:
        self.hosted: Hosted | None = None
        self._stack = AsyncExitStack()

    async def start(self, data_dir: Path, *, alone: bool = False, **knobs: Any) -> Hosted:
        """Start the server; return at once if it runs already.

        Args:
            data_dir: the server's folder.
            alone: whether it can be reached from this computer only.
            knobs: options of `server.config.ServerConfig`.

        Raises:
            Refused: NO_SERVER_PART (the extra `server` is not installed), STORAGE_FAILED, DATA_DIR_IN_USE
                (another server works there), SERVER_UNREACHABLE (no port to listen on).
        """
        if self.hosted is not None:
            return self.hosted
        try:
            app: Any = importlib.import_module("server.app")
            config: Any = importlib.import_module("server.config")
            errors: Any = importlib.import_module("server.errors")
        except ImportError as error:
            raise Refused(Code.NO_SERVER_PART, error.name or "") from error
        outbox = data_dir / "outbox"
        for listen in (LISTEN_ALONE,) if alone else (LISTEN, LISTEN_ANYWHERE):
            # A client that comes from this computer sits at it: no tunnel was asked for.
            wanted = config.ServerConfig(
                data_dir=data_dir, listen=listen, mail_outbox=outbox, local=True, **knobs
            )
            try:
                server: Any = await self._stack.enter_async_context(app.running_server(wanted))
            except errors.CannotListen as error:
                refused = Refused(Code.SERVER_UNREACHABLE, str(error))
                continue
            except errors.FolderInUse as error:
                raise Refused(Code.DATA_DIR_IN_USE) from error
            except (errors.CannotStart, OSError) as error:
                raise Refused(Code.STORAGE_FAILED, type(error).__name__) from error
            self.hosted = Hosted(server.url, outbox)
            return self.hosted
        raise refused

    async def close(self) -> None:
        """Stop the server, if it runs; its clients receive `closing`."""
        self.hosted = None
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()


def qr_picture(text: str) -> str:
    """Return a QR code as an SVG document that scales to any size."""
    picture = io.BytesIO()
    code = segno.make(text, error="l", micro=False)
    code.save(picture, kind="svg", xmldecl=False, omitsize=True, scale=4, border=2, nl=False)
    return picture.getvalue().decode("utf-8")
