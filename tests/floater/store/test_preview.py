import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from floater.store.preview import picture
from floater.store.source import make_preview


def save(path: Path, size: tuple[int, int], color: object = "red", mode: str = "RGB") -> str:
    Image.new(mode, size, color).save(path)  # type: ignore[arg-type]  # a color of any mode
    return str(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif"])
def test_an_image_gets_a_tiny_picture_of_the_same_shape(tmp_path: Path, name: str) -> None:
    preview = make_preview(save(tmp_path / name, (640, 320)))
    assert preview is not None
    assert (preview.width, preview.height) == (16, 8)
    assert len(preview.pixels) == 16 * 8 * 3
    red, green, blue = preview.pixels[:3]
    assert red > 240
    assert max(green, blue) < 20


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    preview = make_preview(save(tmp_path / "a.png", (32, 32), (0, 0, 0, 0), "RGBA"))
    assert preview is not None
    assert set(preview.pixels) == {255}


def test_a_very_long_image_keeps_a_pixel_of_height(tmp_path: Path) -> None:
    preview = make_preview(save(tmp_path / "a.png", (4_000, 2)))
    assert preview is not None
    assert (preview.width, preview.height) == (16, 1)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def test_whatever_goes_wrong_there_is_just_no_picture(tmp_path: Path) -> None:
    header = struct.pack("!IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    for name, data in [
        ("bomb.png", bomb),
        ("torn.png", bomb[:40]),
        ("text.png", b"hello"),
        ("code.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    ]:
        (tmp_path / name).write_bytes(data)
        assert make_preview(str(tmp_path / name)) is None, name
    assert make_preview(str(tmp_path / "nowhere")) is None


def test_the_main_process_never_loads_a_decoder() -> None:
    code = "import sys, floater.store.files; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_photo_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    lying = Image.new("RGB", (64, 32), "red")
    exif = lying.getexif()
    exif[0x0112] = 6  # turned by a quarter
    lying.save(tmp_path / "a.jpg", exif=exif)
    made = picture(str(tmp_path / "a.jpg"))
    assert (made[0], made[1], len(made)) == (8, 16, 2 + 8 * 16 * 3)


def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", (20, 20))
    monkeypatch.setattr("floater.store.preview.MAX_PIXELS", 399)
    with pytest.raises(ValueError, match="pixels"):
        picture(path)
