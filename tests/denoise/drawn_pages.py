"""Pages of text, drawn; and a restorer that needs no network."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont


class Flattener:
    """Restores by dividing a page by its paper: quick, and right about clean ink."""

    layers = ()

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        page, paper = np.moveaxis(batch.astype(np.float32), -1, 0)
        return np.clip(2 * page / np.maximum(paper, 1) - 0.95, 0, 1)[..., None]


def letter_page(height: int = 420, width: int = 540, size: int = 20) -> Image.Image:
    """Black text of `size` pixels an em on light grey paper, darker to the right."""
    paper = np.tile(np.linspace(235, 190, width), (height, 1)).astype(np.uint8)
    page = Image.fromarray(paper)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size)
    for line, top in enumerate(range(size, height - 2 * size, round(1.4 * size))):
        text = f"{line} the quick brown fox jumps over the lazy dog and runs " * 6
        draw.text((size, top), text[: int(1.5 * width / size)], font=font, fill=15)
    return page
