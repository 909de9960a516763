"""Looking at a photo before it is kept: is it one, of what size, and when does the camera say that it was taken.

The bytes are kept as they came, for they are evidence and their hash must stay; so nothing is decoded but the header,
and a picture that would need too much memory to show is refused by what the header says.
"""

from __future__ import annotations

import struct
import warnings
from io import BytesIO

from PIL import ExifTags, Image, UnidentifiedImageError

from store.incidents.records import PhotoFile

_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_LONGEST_CLAIM = 40
_UNREADABLE = (OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, struct.error)


def look_at(content: bytes, *, most_pixels: int) -> PhotoFile:
    """The photo in ``content``. Raises ValueError, saying what was expected."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes, which are judged below, and odd headers
            with Image.open(BytesIO(content), formats=list(_TYPES)) as image:
                kind, (width, height) = image.format, image.size
                taken_at = _taken_at(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("is no photo; expected JPEG, PNG or WebP") from None
    if width * height > most_pixels:
        raise ValueError(f"has {width} × {height} pixels; expected up to {most_pixels // 1_000_000} million")
    return PhotoFile(content, _TYPES[str(kind)], width, height, taken_at)


def _taken_at(image: Image.Image) -> str | None:
    """EXIF's DateTimeOriginal (EXIF 2.32, 4.6.5 F), as it stands; None where there is none that can be read."""
    try:
        told = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    except _UNREADABLE:  # whatever is wrong in there, the photo counts without it
        return None
    text = str(told or "").strip("\0 ")
    return text[:_LONGEST_CLAIM] if text and text.isprintable() else None
