"""A program of its own: `python -m floater.store.preview PATH` writes a tiny picture of an image to stdout.

The output is `width | height | pixels`: one byte each, then `width * height`
sRGB pixels of 3 bytes. No other process of FLOATER loads a decoder of
pictures, and this one sees the person's own files only, with limits on time
and memory, and none of its writing reaches a disk.
"""

import sys
import warnings
from typing import Final

from PIL import Image, ImageOps

if sys.platform != "win32":
    import resource

EDGE: Final = 16
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
MAX_PIXELS: Final = 100_000_000
MAX_MEMORY: Final = 1_073_741_824
MAX_CPU: Final = 10


def limit() -> None:
    """Give up what is not needed, where the system knows such limits."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU, MAX_CPU))
    if sys.platform == "linux":  # elsewhere the limit counts memory that all processes share
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def picture(path: str) -> bytes:
    """Decode an image and make it tiny. Raises whatever the decoder raises."""
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too many pixels")
        image.draft("RGB", (EDGE * 8, EDGE * 8))
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    upright.thumbnail((EDGE, EDGE), Image.Resampling.BOX)
    paper = Image.new("RGBA", upright.size, "white")
    paper.alpha_composite(upright)
    return bytes(paper.size) + paper.convert("RGB").tobytes()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    limit()
    try:
        made = picture(sys.argv[1])
    except Exception:  # a decoder may raise anything; the offer then goes without a picture
        sys.exit(1)
    sys.stdout.buffer.write(made)
