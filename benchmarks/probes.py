"""Clean drawn pages that are hard in one way each, and check what must be left.

    python benchmarks/probes.py [--model FILE] [-o OUT]

Prints one line for each probe, and exits with 1 if one does not hold; OUT gets a before/after
picture of each. Probes of words need the program `tesseract` (Debian: apt-get install
tesseract-ocr). Everything is drawn here (synthetic).
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.metrics import structural_similarity

from inkbench import chosen
from inkbench.datasets.synthetic import content
from inkbench.denoise import scale
from inkbench.denoise.page import clean
from inkbench.denoise.writing import side_by_side
from inkbench.errors import one_line_errors

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "box",
    "with",
    "liquor",
    "jugs",
]
WIDTH, HEIGHT = 1240, 900  # pixels: the upper half of an A4 page at 150 dpi
PAPER = 240  # grey level: a page whose paper is white already would be left as it is
BODY = 24  # pixels per em
Clean = Callable[[np.ndarray], np.ndarray]
Probe = tuple[str, bool, str, np.ndarray, np.ndarray]  # name, holds, value, before, after


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="default: the one that `inkbench denoise` uses")
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    with one_line_errors():
        model, source = chosen.model("documents", "cleaning", options.model)
        print(source, file=sys.stderr)
        failed = 0
        for name, holds, value, before, after in probes(lambda p: clean(model, p).pixels):
            print(f"{'holds' if holds else 'FAILS'}  {name}: {value}", flush=True)
            failed += not holds
            if options.out:
                options.out.mkdir(parents=True, exist_ok=True)
                picture = Image.fromarray(side_by_side(before, after))
                picture.save(options.out / f"{name.replace(' ', '-').replace(',', '')}.png")
        sys.exit(1 if failed else 0)


def probes(cleaned: Clean) -> Iterator[Probe]:
    """Every probe of a cleaner."""
    yield from _inks(cleaned)
    yield from _solids(cleaned)
    yield from _forms(cleaned)
    yield from _scales(cleaned)
    yield from _light_on_dark(cleaned)
    yield from _pictures(cleaned)
    yield from _sheets(cleaned)
    yield from _blot(cleaned)
    yield from _pens(cleaned)
    page = np.asarray(text_page(paper=255, mode="RGB"))
    after = cleaned(page)
    error = float(np.sqrt(np.mean((after / 255 - page / 255) ** 2)))
    yield "born-digital page", error <= 0.01, f"RMSE {error:.4f}", page, after


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """A serif for text, a bold sans-serif for headlines."""
    return ImageFont.truetype(FONTS / f"DejaVu{'Sans-Bold' if bold else 'Serif'}.ttf", size)


def text_page(ink=0, paper=PAPER, mode: str = "L", top: int = 60, seed: int = 0) -> Image.Image:
    """A page of words, from ``top`` down."""
    rng = np.random.default_rng(seed)
    image = Image.new(mode, (WIDTH, HEIGHT), paper if mode == "L" else (paper,) * 3)
    draw = ImageDraw.Draw(image)
    for y in range(top, HEIGHT - 80, 40):
        line = " ".join(WORDS[i] for i in rng.integers(len(WORDS), size=12))
        draw.text((100, y), line, ink if mode == "L" else (ink,) * 3, font(BODY))
    return image


def lost(before: np.ndarray, after: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Share of the darkest half of the ink that has less than half of its darkness left."""
    grey = [255.0 - np.asarray(Image.fromarray(page).convert("L")) for page in (before, after)]
    strokes = grey[0] > grey[0].max() / 2 if mask is None else mask
    return float((grey[1][strokes] < grey[0][strokes] / 2).mean())


def _inks(cleaned: Clean) -> Iterator[Probe]:
    for ink in (0, 60, 100, 130, 150, 170, 190, 205, 220):
        page = np.asarray(text_page(ink))
        after = cleaned(page)
        share = lost(page, after)
        yield f"ink {ink}", share < 0.02 or ink > 190, f"{share:.1%} of strokes lost", page, after


def _solids(cleaned: Clean) -> Iterator[Probe]:
    image = text_page(top=400)
    draw, x, sides = ImageDraw.Draw(image), 100, (4, 8, 12, 16, 24, 32, 48, 64, 90, 120)
    centres = []
    for side in sides:
        draw.rectangle((x, 100, x + side - 1, 100 + side - 1), 0)
        centres.append((100 + side // 2, x + side // 2))
        x += side + 50
    page = np.asarray(image)
    after = cleaned(page)
    darkest = max(int(after[at]) for at in centres)
    yield "black squares of 4 to 120 px", darkest < 40, f"centres up to {darkest}", page, after
    for times in (1, 2, 4, 6):
        image = text_page(top=300)
        ImageDraw.Draw(image).text((100, 60), "Invoice 2024", 20, font(BODY * times, bold=True))
        page = np.asarray(image)
        after = cleaned(page)
        heading = np.zeros(page.shape, bool)
        heading[:290] = page[:290] < 60
        share = lost(page, after, heading)
        yield f"headline {times} times the body", share < 0.02, f"{share:.1%} lost", page, after


def _forms(cleaned: Clean) -> Iterator[Probe]:
    image = text_page(top=500)
    draw = ImageDraw.Draw(image)
    boxes, rules = [], []
    for row, rule in enumerate((150, 160, 170, 180, 190)):
        y = 60 + 80 * row
        draw.rectangle((100, y, 1100, y + 60), outline=rule)
        rules += [(slice(y, y + 1), slice(120, 1080))]
        for column in range(10):
            x = 140 + 90 * column
            draw.rectangle((x, y + 20, x + 20, y + 40), outline=60)
            filled = (row + column) % 2 == 0
            if filled:
                draw.rectangle((x + 3, y + 23, x + 17, y + 37), 0)
            boxes.append((y + 30, x + 10, filled))
    page = np.asarray(image)
    after = cleaned(page)
    wrong = sum(
        (after[y - 4 : y + 5, x - 4 : x + 5].mean() < 128) != filled for y, x, filled in boxes
    )
    yield "ticks of 14 px", wrong == 0, f"{wrong} of {len(boxes)} changed", page, after
    share = max(float((255 - after[at] < (255 - page[at]) / 2).mean()) for at in rules)
    yield "rules of 1 px, grey 150 to 190", share < 0.02, f"up to {share:.1%} lost", page, after


def _scales(cleaned: Clean) -> Iterator[Probe]:
    plain = np.asarray(text_page(ink=40, paper=235))
    rng = np.random.default_rng(1)
    grain = (plain + rng.normal(0, 12, plain.shape)).clip(0, 255).astype(np.uint8)
    band = plain.copy()
    y, x = np.mgrid[:300, :WIDTH]
    band[500:800] = np.where(np.sin(y * 1.2) * np.sin(x * 1.2) > 0.2, 90, 220)
    expected = scale.letter_height(plain)[0]
    for name, page in (("grain of 12", grain), ("halftone band", band)):
        ratio = (scale.letter_height(page)[0] or 0) / expected
        yield f"scale under {name}", abs(ratio - 1) <= 0.2, f"{ratio:.2f}", page, cleaned(page)


def _sheets(cleaned: Clean) -> Iterator[Probe]:
    inside = np.s_[100:-100, 120:-120]
    for name, around in (("black", 20), ("dark table", 50), ("white lid", 255)):
        page = np.full((HEIGHT, WIDTH), around, np.uint8)
        page[inside] = np.asarray(text_page(paper=215))[inside]
        after = cleaned(page)
        share, paper = lost(page[inside], after[inside]), np.median(after[inside])
        value = f"paper {paper:.0f}, {share:.1%} of strokes lost, around {after[50, 50]}"
        holds = share < 0.02 and paper >= 245 and abs(int(after[50, 50]) - around) <= 3
        yield f"sheet on {name}", holds, value, page, after


def _light_on_dark(cleaned: Clean) -> Iterator[Probe]:
    for name, paper in (("black", (0, 0, 0)), ("blue", (20, 40, 120))):
        image = Image.new("RGB", (WIDTH, HEIGHT), paper)
        letters = text_page(paper=255).point(lambda value: 255 - value)
        image.paste("white", mask=letters)
        page = np.asarray(image)
        after = cleaned(page)
        share = words(page, after)
        value = "no tesseract" if share is None else f"{share:.0%} of words"
        yield f"white on {name}", share is None or share >= 0.95, value, page, after


def _pictures(cleaned: Clean) -> Iterator[Probe]:
    rng = np.random.default_rng(2)
    page = np.asarray(text_page(paper=255, mode="RGB")).copy()
    page[300:700, 300:900] = content.picture("test", 400, 600, rng)
    image = Image.fromarray((page * np.array([0.92, 0.9, 0.82])).astype(np.uint8))
    page = np.asarray(image)
    yield _similar("photograph", page, cleaned(page))
    image = text_page(mode="RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((300, 300, 900, 700), (PAPER,) * 3, "black")
    x = np.linspace(310, 890, 60)
    for number, fill in enumerate(("red", "blue", "green", "orange", "purple", "teal")):
        y = 500 + (150 - 20 * number) * np.sin(x / 60 + number)
        draw.line(list(zip(x, y, strict=True)), fill, 2)
    page = np.asarray(image)
    yield _similar("chart of six curves", page, cleaned(page))


def _similar(name: str, page: np.ndarray, after: np.ndarray) -> Probe:
    inside = (slice(306, 694), slice(306, 894))
    value = float(structural_similarity(page[inside], after[inside], channel_axis=-1))
    return name, value >= 0.95, f"SSIM {value:.3f}", page, after


def _blot(cleaned: Clean) -> Iterator[Probe]:
    letters = np.asarray(text_page(paper=255, mode="RGB")) / 255
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    share = 1 / (1 + np.exp((np.hypot(y - 450, (x - 600) * 0.6) - 250) / 6))
    brown = 1 - share[..., None] * (1 - np.array([0.62, 0.48, 0.33]))
    page = np.rint(235 * brown * (0.4 + 0.6 * letters)).clip(0, 255).astype(np.uint8)
    after = cleaned(page)
    missing = lost(np.rint(255 * letters).astype(np.uint8), after)
    yield "ink of 40 % under a brown blot", missing < 0.02, f"{missing:.1%} lost", page, after


def _pens(cleaned: Clean) -> Iterator[Probe]:
    image = Image.new("RGB", (WIDTH, HEIGHT), (250, 248, 240))
    draw = ImageDraw.Draw(image)
    for y in range(50, HEIGHT, 50):
        draw.line((0, y, WIDTH, y), (170, 190, 220))
    strokes = Image.new("L", image.size)
    pens = {"red": (200, 40, 50), "blue": (40, 60, 180), "green": (40, 140, 70)}
    for row, pen in enumerate(pens.values()):
        for line in range(4):
            y, x = 90 + 250 * row + 50 * line, np.arange(80, 1100, 6.0)
            path = list(zip(x, y - 12 + 14 * np.sin(x / 9) * np.sin(x / 70), strict=True))
            draw.line(path, pen, 3)
            ImageDraw.Draw(strokes).line(path, row + 1, 1)
    page, which = np.asarray(image), np.asarray(strokes)
    after = cleaned(page)
    turned = 0.0
    for row, pen in enumerate(pens.values()):
        colour = 255 - after[which == row + 1].astype(float).mean(0)
        expected = 255 - np.array(pen, float)
        cosine = colour @ expected / max(np.linalg.norm(colour) * np.linalg.norm(expected), 1)
        turned = max(turned, float(np.degrees(np.arccos(min(cosine, 1)))))
    share = lost(page, after, which > 0)
    value = f"{share:.1%} lost, colours turned by {turned:.0f} degrees"
    yield "three pens on ruled paper", share < 0.02 and turned < 12, value, page, after


def words(before: np.ndarray, after: np.ndarray) -> float | None:
    """Share of the words that Tesseract reads on the page itself, still read; None without it."""
    if not shutil.which("tesseract"):
        return None
    found = []
    for page in (before, after):
        command = ["tesseract", "stdin", "stdout", "-l", "eng"]
        stream = Image.fromarray(page)._repr_png_()
        quiet = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, input=stream, capture_output=True, env=quiet, check=True)
        found.append(Counter(done.stdout.decode(errors="replace").split()))
    return (found[0] & found[1]).total() / max(1, found[0].total())


if __name__ == "__main__":
    main()
