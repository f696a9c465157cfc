"""The type of a file by its first bytes, not by its name (spec §7.5). Nothing is decoded."""

import re
from typing import Final

HEAD: Final = 32
"Bytes to look at."

IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
"Types that are shown as images: raster formats that every viewer knows and that hold no scripts."

UNKNOWN_TYPE: Final = "application/octet-stream"

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
    (b"#!", "text/x-shellscript"),
)
_TYPE: Final = re.compile(r"[a-z]{1,32}/[a-z0-9][a-z0-9!#$&^_.+-]{0,93}")


def sniff(head: bytes) -> str | None:
    """Return the type of a file that begins with `head`, up to HEAD bytes; None if they do not tell it."""
    for magic, content_type in _MAGIC:
        if head.startswith(magic):
            return content_type
    if head[:4] == b"RIFF" and len(head) >= 12:
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12])
    if head[4:8] == b"ftyp" and len(head) >= 12:
        brand = head[8:12]
        if brand in (b"avif", b"avis"):
            return "image/avif"
        return "image/heic" if brand in (b"heic", b"heix", b"mif1") else "video/mp4"
    return None


def clean_type(content_type: str) -> str:
    """Read a Content-Type that a peer wrote: lower case, no parameters.

    A malformed type, and an image type that cannot be checked here, become
    UNKNOWN_TYPE, so that the file is not shown as an image.
    """
    bare = content_type.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(bare) or (bare.startswith("image/") and bare not in IMAGE_TYPES):
        return UNKNOWN_TYPE
    return bare


def is_what_it_says(content_type: str, head: bytes) -> bool:
    """Say whether `head` fits the type. Only images are checked, because only they are shown."""
    return content_type not in IMAGE_TYPES or sniff(head) == content_type
