import io
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from floater.core.talk.pixels import MAX_SIDE, may_be_shown, size_in_pixels
from tests.helpers.pictures import claimed_gif, claimed_jpeg, claimed_png

CLAIMS = [claimed_png, claimed_gif, claimed_jpeg]


def saved(form: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 1).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("GIF", {"save_all": True, "append_images": [Image.new("P", (70, 30), 2)], "comment": b"x" * 600}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "icc_profile": b"p" * 100_000, "exif": b"Exif\0\0" + b"e" * 60_000}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"icc_profile": b"p" * 100}),
        ("WEBP", {"save_all": True, "append_images": [Image.new("RGB", (70, 30), 2)]}),
    ],
)
def test_the_size_is_what_a_decoder_finds(form: str, options: dict[str, Any]) -> None:
    image = saved(form, (70, 30), **options)
    assert size_in_pixels(image) == (70, 30)
    assert may_be_shown(image)


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_only_claims_to_be_giant_is_not_shown(claim: Callable[[int, int], bytes]) -> None:
    assert size_in_pixels(claim(60_000, 60_000)) == (60_000, 60_000)
    assert not may_be_shown(claim(60_000, 60_000))
    assert may_be_shown(claim(10_000, 10_000))
    assert not may_be_shown(claim(10_001, 10_000))
    assert not may_be_shown(claim(MAX_SIDE + 1, 1))


def test_a_frame_larger_than_its_screen_counts() -> None:
    image = bytearray(claimed_gif(60_000, 50_000))
    struct.pack_into("<HH", image, 6, 1, 1)
    assert size_in_pixels(bytes(image)) == (60_000, 50_000)


def test_markers_without_a_length_and_fillers_are_passed_over() -> None:
    image = claimed_jpeg(70, 30)
    assert image[:2] == b"\xff\xd8"
    assert size_in_pixels(image[:2] + b"\xff\x01" + b"\xff\xff" + image[3:]) == (70, 30)


@pytest.mark.parametrize("claim", CLAIMS)
def test_nothing_is_said_of_half_a_header_or_of_no_pixels(claim: Callable[[int, int], bytes]) -> None:
    whole = claim(70, 30)
    sizes = {size_in_pixels(whole[:end]) for end in range(len(whole) + 1)}
    assert sizes == {None, (70, 30)}
    assert size_in_pixels(claim(0, 30)) is None


@pytest.mark.parametrize("form", ["PNG", "GIF", "JPEG", "WEBP"])
@settings(deadline=None)
@given(noise=some.binary(max_size=200), start=some.integers(min_value=0, max_value=40))
def test_noise_after_a_true_beginning_breaks_nothing(form: str, noise: bytes, start: int) -> None:
    size = size_in_pixels(saved(form, (70, 30))[:start] + noise)
    assert size is None or min(size) > 0
