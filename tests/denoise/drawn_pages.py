"""Drawn pages of text, and a restorer without a network."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont


class BackgroundDivision:
    """A fast restorer that divides a page by its background; correct for clean ink."""

    layers = ()

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        page, background = np.moveaxis(batch.astype(np.float32), -1, 0)
        return np.clip(2 * page / np.maximum(background, 1) - 0.95, 0, 1)[..., None]


def letter_page(height: int = 420, width: int = 540, size: int = 20) -> Image.Image:
    """Black text of `size` pixels per em on light grey paper that darkens to the right."""
    paper = np.tile(np.linspace(235, 190, width), (height, 1)).astype(np.uint8)
    page = Image.fromarray(paper)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size)
    for line, top in enumerate(range(size, height - 2 * size, round(1.4 * size))):
        text = f"{line} the quick brown fox jumps over the lazy dog and runs " * 6
        draw.text((size, top), text[: int(1.5 * width / size)], font=font, fill=15)
    return page
