import pytest

pytest.importorskip("PyQt6.QtWebEngineCore")

from floater.desktop.scheme import MAX_UPLOAD
from floater.desktop.typescript import typescript


def test_commands_replies_and_limits_of_the_window_are_written() -> None:
    text = typescript()
    assert f"export const MAX_UPLOAD = {MAX_UPLOAD};" in text
    fields = '  command: "save_copy";\n  transfer_id: string;\n  talk?: string;\n'
    assert f"export interface SaveCopyCommand {{\n{fields}}}" in text
    assert "  save_copy: ChosenReply;\n" in text
    assert "  show_file: Empty;\n" in text
    assert 'import type { Empty, FileReply } from "./api.gen";' in text
