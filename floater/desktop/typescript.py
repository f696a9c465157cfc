"""Write the commands of the window as TypeScript. Run as ``python -m floater.desktop.typescript FILE``."""

from typing import get_args

from floater.bridge.typescript import shell_typescript, write
from floater.desktop import api


def typescript() -> str:
    """All of `floater.desktop.api` as one TypeScript module beside that of `floater.api`."""
    commands = get_args(api.AnyShellCommand)
    return shell_typescript(
        commands, api.SHELL_REPLIES, "floater/desktop/api.py", "floater.desktop.typescript"
    )


if __name__ == "__main__":
    write(typescript())
