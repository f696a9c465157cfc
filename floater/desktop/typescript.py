"""Write the commands of the window as TypeScript. Run as ``python -m floater.desktop.typescript FILE``."""

from typing import get_args

from floater.bridge.typescript import number, shell_typescript, write
from floater.desktop import api
from floater.desktop.scheme import MAX_UPLOAD


def typescript() -> str:
    """All of `floater.desktop.api` as one TypeScript module beside that of `floater.api`."""
    return shell_typescript(
        get_args(api.AnyShellCommand),
        api.SHELL_REPLIES,
        "floater/desktop/api.py",
        "floater.desktop.typescript",
        [number("MAX_UPLOAD", "Bytes of one upload; a larger file needs the file dialog.", MAX_UPLOAD)],
    )


if __name__ == "__main__":
    write(typescript())
