"""Draw docs/scans.png: a drawn scan, divided by its background, and cleaned.

    python docs/scans.py [--model models/documents-scans/model.keras]

The scan is synthetic: a letter with a heading, a stamp, highlighter and a photograph, on yellowed
paper with a blot, in falling light.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkbench import chosen, disk
from inkbench.datasets.common.background import without_background
from inkbench.datasets.synthetic import content, prose
from inkbench.datasets.synthetic.texture import mottle, region
from inkbench.denoise.page import clean
from inkbench.errors import one_line_errors

OUT = Path(__file__).with_suffix(".png")
WIDTH, HEIGHT = 900, 1150  # pixels
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    with one_line_errors():
        model, _ = chosen.model("documents", "cleaning", options.model)
        scan = scanned(letter())
        divided = np.stack([without_background(scan[..., c]) for c in range(3)], -1)
        pages = {
            "scan (drawn, synthetic)": scan,
            "divided by its background": np.rint(divided * 255).astype(np.uint8),
            "inkbench denoise": clean(model, scan).pixels,
        }
        gap, head = 24, 48
        canvas = Image.new("RGB", (3 * WIDTH + 2 * gap, HEIGHT + head), "#e9ecef")
        draw, font = ImageDraw.Draw(canvas), ImageFont.truetype(FONTS / "DejaVuSans.ttf", 30)
        for column, (title, page) in enumerate(pages.items()):
            left = column * (WIDTH + gap)
            draw.text((left + 8, 6), title, "#212529", font)
            canvas.paste(Image.fromarray(page), (left, head))
        canvas = canvas.resize((1380, round(1380 * canvas.height / canvas.width)))
        with disk.new_file(OUT) as scratch:
            canvas.save(scratch)


def letter() -> Image.Image:
    """What is printed."""
    rng = np.random.default_rng(11)
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    serif, bold = (FONTS / f"DejaVu{name}.ttf" for name in ("Serif", "Sans-Bold"))
    draw.text((70, 60), "Harbour Survey", (150, 30, 40), ImageFont.truetype(bold, 54))
    font, words = ImageFont.truetype(serif, 21), iter(())
    paragraphs = prose.paragraphs(rng)
    for y in range(160, HEIGHT - 70, 36):
        right = 500 if 430 < y < 760 else WIDTH - 70
        line = ""
        while draw.textlength(line, font) < right - 170:
            word = next(words, None)
            if word is None:
                words = iter(next(paragraphs))
                continue
            line += f"{word} "
        draw.text((70, y), line, (35, 35, 45), font)
    image.paste(
        Image.fromarray(content.picture("train", 300, 310, np.random.default_rng(14))), (525, 445)
    )
    marks = Image.new("RGB", image.size, "white")
    draw = ImageDraw.Draw(marks)
    draw.rectangle((70, 302, 520, 336), (255, 240, 90))
    stamp = Image.new("RGB", (330, 110), "white")
    pen = ImageDraw.Draw(stamp)
    pen.rectangle((4, 4, 325, 105), None, (60, 70, 190), 7)
    pen.text((28, 26), "RECEIVED", (60, 70, 190), ImageFont.truetype(bold, 48))
    marks.paste(stamp.rotate(12, expand=True, fillcolor="white"), (480, 900))
    product = np.asarray(image, np.uint16) * np.asarray(marks, np.uint16) // 255
    return Image.fromarray(product.astype(np.uint8))


def scanned(page: Image.Image) -> np.ndarray:
    """The page on old paper, in falling light, with grain."""
    rng = np.random.default_rng(3)
    shape = (HEIGHT, WIDTH)
    light = 1 - 0.35 * np.linspace(0, 1, WIDTH)[None] ** 2 * np.linspace(0.6, 1, HEIGHT)[:, None]
    light = light * (1 + 0.02 * mottle(shape, 20, rng))
    blot = region(shape, rng, 0.1)[..., None] * (1 - np.array([0.92, 0.84, 0.7]))
    paper = np.array([236, 222, 190]) * light[..., None] * (1 - blot)
    grain = rng.normal(0, 4, (*shape, 1))
    return (np.asarray(page) / 255 * paper + grain).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
