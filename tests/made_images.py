"""Letters, digits and pages drawn with a packaged typeface."""

import font_source_serif_pro
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 28
LETTERS = list("ABCDEFGHIJ")
DIGITS = list("0123456789")
TEXT = "the quick brown fox jumps over a lazy dog and writes it all down in ink"
PAGES = ("fold", "wrinkle", "coffee", "footprint")


def glyphs(names: list[str], each: int, rng: np.random.Generator) -> np.ndarray:
    """``each`` small images of every name, sorted by class: uint8 [n, 28, 28], 255 = ink."""
    faces = list(font_source_serif_pro.font_files_ttf.values())
    images = []
    for name in names:
        for _ in range(each):
            face = ImageFont.truetype(faces[rng.integers(len(faces))], int(rng.integers(22, 28)))
            image = Image.new("L", (SIDE, SIDE), 0)
            centre = tuple(14 + rng.integers(-2, 3, 2))
            ImageDraw.Draw(image).text(centre, name, fill=255, font=face, anchor="mm")
            images.append(np.asarray(image))
    return np.stack(images)


def page(rng: np.random.Generator, scale: float, tall: bool) -> tuple[np.ndarray, np.ndarray]:
    """A clean page and a stained one: uint8 [h, w] each, 255 = paper."""
    height, width = round((420 if tall else 258) * scale), round(540 * scale)
    face = ImageFont.truetype(
        font_source_serif_pro.font_files_ttf["SourceSerifPro"], max(round(26 * scale), 6)
    )
    sheet = Image.new("L", (width, height), 255)
    for line in range(0, height, max(round(40 * scale), 8)):
        text = " ".join(rng.choice(TEXT.split(), 9))
        ImageDraw.Draw(sheet).text((6, line), text, fill=0, font=face)
    clean = np.asarray(sheet)
    y, x = np.mgrid[:height, :width] / width
    radius = np.hypot(y - rng.uniform(0.2, 0.5), x - rng.uniform(0.2, 0.8))
    stain = 0.35 * np.exp(-((radius - 0.18) ** 2) / 0.0012) + 0.15 * (radius < 0.18)
    shade = 0.92 - stain + rng.normal(0, 0.02, clean.shape)
    return clean, np.clip(clean * shade, 0, 255).astype(np.uint8)
