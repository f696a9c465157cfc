import socket
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from floater.client import hosting
from floater.client.hosting import Hosting, qr_picture
from floater.codes import Code
from floater.errors import Refused

pytestmark = pytest.mark.asyncio
CHEAP: Final[dict[str, Any]] = {"hash_memory": 1_024, "hash_passes": 1}


async def test_one_server_runs_until_it_is_closed_and_another_may_follow(tmp_path: Path) -> None:
    host = Hosting()
    first = await host.start(tmp_path, alone=True, **CHEAP)
    assert first.url.startswith("floater://127.0.0.1:")
    assert first.outbox == tmp_path / "outbox"
    assert await host.start(tmp_path / "other", alone=True) is first is host.hosted
    await host.close()
    assert (host.hosted is None, first.outbox.parent.is_dir()) == (True, True)
    again = await host.start(tmp_path, alone=True, **CHEAP)
    assert again.url.rpartition("#")[2] == first.url.rpartition("#")[2], "the same folder has the same key"
    await host.close()
    await host.close()


async def test_where_the_port_is_taken_another_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(hosting, "LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr(hosting, "LISTEN_ANYWHERE", "127.0.0.1:0")
        host = Hosting()
        await host.start(tmp_path, **CHEAP)
        await host.close()
        monkeypatch.setattr(hosting, "LISTEN_ANYWHERE", hosting.LISTEN)
        with pytest.raises(Refused) as refused:
            await host.start(tmp_path, **CHEAP)
        assert refused.value.code is Code.SERVER_UNREACHABLE
        assert host.hosted is None


async def test_a_folder_that_another_server_works_on_is_said(tmp_path: Path) -> None:
    first, second = Hosting(), Hosting()
    await first.start(tmp_path, alone=True, **CHEAP)
    with pytest.raises(Refused) as refused:
        await second.start(tmp_path, alone=True, **CHEAP)
    assert refused.value.code is Code.DATA_DIR_IN_USE
    await first.close()


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "server").write_bytes(b"in the way")
    with pytest.raises(Refused) as refused:
        await Hosting().start(tmp_path / "server", alone=True)
    assert refused.value.code is Code.STORAGE_FAILED


async def test_without_the_servers_part_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "server.app", None)
    with pytest.raises(Refused) as refused:
        await Hosting().start(tmp_path, alone=True)
    assert refused.value.code is Code.NO_SERVER_PART


async def test_a_qr_code_is_a_whole_picture_of_its_text() -> None:
    picture = qr_picture("floater://example.org:7443")
    assert picture.startswith("<svg")
    assert picture.endswith("</svg>")
    assert picture != qr_picture("floater://example.org:7444")
