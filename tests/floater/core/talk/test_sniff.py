import io
from pathlib import Path

import pytest
from PIL import Image

from floater.core.talk.sniff import HEAD, IMAGE_TYPES, UNKNOWN_TYPE, clean_type, is_what_it_says, sniff


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_the_four_kinds_of_image_are_known_by_their_first_bytes(form: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(file, form)
    head = file.getvalue()[:HEAD]
    assert sniff(head) == f"image/{form.lower()}"
    for claim in IMAGE_TYPES:
        assert is_what_it_says(claim, head) == (claim == f"image/{form.lower()}")


def test_a_program_is_no_image_whatever_it_says() -> None:
    head = Path("/bin/sh").read_bytes()[:HEAD]
    assert sniff(head) == "application/x-executable"
    assert not any(is_what_it_says(claim, head) for claim in IMAGE_TYPES)


@pytest.mark.parametrize(
    ("brand", "content_type"),
    [
        (b"avif", "image/avif"),
        (b"avis", "image/avif"),
        (b"heic", "image/heic"),
        (b"mif1", "image/heic"),
        (b"isom", "video/mp4"),
    ],
)
def test_what_shares_a_container_is_told_apart_by_its_brand(brand: bytes, content_type: str) -> None:
    assert sniff(b"\0\0\0\x20ftyp" + brand) == content_type


@pytest.mark.parametrize(
    "head", [b"", b"\x89", b"RIFF", b"RIFF1234", b"RIFF1234ABCD", b"hello world", b"1234ftyp"]
)
def test_what_does_not_show_is_not_guessed(head: bytes) -> None:
    assert sniff(head) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("image/PNG", "image/png"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("image/svg+xml", UNKNOWN_TYPE),
        ("image/tiff", UNKNOWN_TYPE),
        ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        ("", UNKNOWN_TYPE),
        ("png", UNKNOWN_TYPE),
        ("text/html\r\nX: y", UNKNOWN_TYPE),
        ("a/" + "b" * 200, UNKNOWN_TYPE),
    ],
)
def test_a_type_that_a_peer_wrote_is_cleaned(written: str, read: str) -> None:
    assert clean_type(written) == read
