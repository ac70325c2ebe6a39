"""PNG files from downloaded archives: decoded, or refused with a reason."""

import io

import made_archives as made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inkbench.datasets.reading import png

SHAPE = (28, 28)
SOUND = made.png(made.random_image(0))


def saved(mode: str, size: tuple[int, int] = SHAPE) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


def test_grey_decodes_pixels():
    assert (png.grey(SOUND, SHAPE) == made.random_image(0)).all()
    assert png.grey(saved("L", (32, 20))).shape == (20, 32)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"GIF89a, really", "not a PNG image"),
        (saved("L", (32, 28)), "28×32 pixels instead of 28×28"),
        *((saved(mode), f"mode {mode} instead of 8-bit grey") for mode in ("RGB", "P", "LA", "1")),
        (saved("I;16"), "mode I;16 instead of 8-bit grey"),
        (SOUND[: len(SOUND) // 2], "corrupt PNG"),
        (made.png_of((bytes([9]) + bytes(28)) * 28), "corrupt PNG"),  # an unknown filter
    ],
)
def test_grey_refuses_unusable_file(content, reason):
    with pytest.raises(png.Unusable, match=reason):
        png.grey(content, SHAPE)


@pytest.mark.parametrize("side", [5_000, 40_000])
def test_grey_refuses_large_header_before_decoding(side):
    with pytest.raises(png.Unusable, match=r"too large|bomb"):
        png.grey(made.png_of(b"", side, side))


@given(st.binary(max_size=80), st.integers(0, 60))
def test_grey_refuses_garbage(garbage, kept):
    with pytest.raises(png.Unusable):
        png.grey(SOUND[:kept] + garbage, SHAPE)


def test_grey_ignores_pixels_beyond_the_image():
    image = png.grey(made.png_of(bytes(50_000_000)), SHAPE)
    assert image.shape == SHAPE and not np.any(image)
