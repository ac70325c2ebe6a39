"""Formats of files, judged by their content, and the suffixes of pictures."""

import re
import warnings
from pathlib import Path

from PIL import Image

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
WRITABLE = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pdf"}
# Suffixes of pictures. In a folder, such a file is not skipped, even if it cannot be read.
PICTURES = WRITABLE | {
    *(".apng", ".avif", ".bmp", ".cr2", ".dcx", ".dib", ".djvu", ".dng", ".emf", ".eps", ".exr"),
    *(".gif", ".heic", ".heif", ".j2k", ".jbig2", ".jfif", ".jp2", ".jpe", ".jpx", ".jxl", ".mpo"),
    *(".nef", ".pam", ".pbm", ".pcx", ".pfm", ".pgm", ".pnm", ".ppm", ".ps", ".psd", ".svg"),
    *(".tga", ".webp", ".wmf", ".xps"),
}
_PHONES = {  # by the brand of an ISO base media file
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
# A header at the start of a line; a printer's or a mail's lines may precede it.
_PDF = re.compile(rb"(?:^|[\r\n\0]|\xef\xbb\xbf)[ \t]*%PDF-\d")


def kind(path: Path) -> str | None:
    """Format of a file, judged by its content: a format of Pillow, ``PDF``, or None for others.

    A picture that is damaged, or a file that cannot be opened, has the format ``unreadable``; those
    of phones that are not read are ``HEIC`` and ``AVIF``.
    """
    try:
        if not path.is_file():  # a pipe or device might block forever
            return None
        with path.open("rb") as file:
            start = file.read(1024)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damage; reading reports it
            with Image.open(path, formats=FORMATS) as image:
                return image.format
    except Image.UnidentifiedImageError:
        if _PDF.search(start):
            return "PDF"
        return _PHONES.get(start[8:12]) if start[4:8] == b"ftyp" else None
    except Exception as error:  # decoders raise undocumented errors for damaged files
        if isinstance(error, OSError) and error.errno:  # of the system
            return "unreadable"
        is_bomb = isinstance(error, Image.DecompressionBombError)
        # A text may begin like a picture, with "P1" or "BM".
        return "unreadable" if is_bomb or path.suffix.lower() in PICTURES else None


def is_read(path: Path) -> bool:
    """Whether a file, judged by its first bytes, may hold pages."""
    return kind(path) not in (None, "unreadable", *_PHONES.values())


def refusal(content: str | None) -> str:
    """Why a file whose format is not read is refused."""
    if content in _PHONES.values():
        return f"{content}, a format that is not read; export it as JPEG or PNG"
    return "damaged, or of unknown format; expected PNG, JPEG, TIFF, WebP, BMP, PNM, GIF, PDF"
