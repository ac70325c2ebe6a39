"""Grey PNG images from downloaded archives, decoded by Pillow and checked."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 4000 * 4000  # declared in a header, checked before anything is decoded


Skipped = list[dict[str, str]]  # file and reason


class Unusable(Exception):
    """An image cannot be used; the message is a short reason."""


def grey(content: bytes, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Decode an 8-bit grey PNG.

    Parameters
    ----------
    content
        Bytes of the file.
    shape
        Height and width that the image must have; empty for any.

    Returns
    -------
    uint8 ``[h, w]``.

    Raises
    ------
    Unusable
        If the file is empty, corrupt, of another size or not 8-bit grey.
    """
    if not content:
        raise Unusable("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            width, height = image.size
            if image.mode != "L":
                raise Unusable(f"mode {image.mode} instead of 8-bit grey")
            if shape and (height, width) != shape:
                raise Unusable(f"{height}×{width} pixels instead of {shape[0]}×{shape[1]}")
            if width * height > MAX_PIXELS:
                raise Unusable(f"{height}×{width} pixels, too large")
            return np.asarray(image)
    except UnidentifiedImageError:
        raise Unusable("not a PNG image") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Unusable(f"corrupt PNG ({error})") from None


def usable(
    file: str, content: bytes, skipped: Skipped, shape: tuple[int, ...] = ()
) -> np.ndarray | None:
    """Decode a PNG like `grey`; if it is unusable, list it in ``skipped`` and return None."""
    try:
        return grey(content, shape)
    except Unusable as error:
        skipped.append({"file": file, "reason": str(error)})
        return None
