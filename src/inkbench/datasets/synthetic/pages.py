"""Synthetic dirty documents: pages of text on paper with four kinds of noise."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from inkbench.datasets.synthetic import fonts, packing, paper, prose
from inkbench.datasets.synthetic.texture import mottle

WIDTH = 540  # pixels
HEIGHTS = (258,) * 2 + (420,) * 2  # pixels; one set of twelve pages each
PAGES = 3  # distinct texts in a set; the first is an unlabelled test page
SHEETS = 12  # sheets of paper for each noise; the real pages have two
SUPERSAMPLING = 4
TEXT_FAMILIES = ("Caladea", "DejaVu", "Lato", "STIX", "Source", "cmr", "cmss", "cmti", "cmtt")
SEED = 20150601

Sheets = dict[str, list[np.ndarray]]


def write(folder: Path, heights: Sequence[int] = HEIGHTS, sheets: int = SHEETS) -> None:
    """Write ``train.zip``, ``train_cleaned.zip`` and ``test.zip``.

    Pages are numbered as in the original: in each set of twelve, the first text has the numbers
    1, 4, 7, 10 (one for each noise), the second 2, 5, 8, 11, the third 3, 6, 9, 12. Test pages are
    those with the numbers 1 mod 3. ``heights`` are those of the sets; of each noise there are
    ``sheets`` sheets of paper.
    """
    archives: dict[str, dict[str, bytes]] = {"train": {}, "train_cleaned": {}, "test": {}}
    for number, page, clean, noisy in tqdm(
        _pages(heights, stationery(sheets)),
        "synthetic pages",
        PAGES * len(heights),
        unit="page",
        disable=None,
    ):
        cleaned = packing.png(clean)
        for version, image in enumerate(noisy):
            name = f"{12 * number + PAGES * version + page + 1}.png"
            if page == 0:
                archives["test"][f"test/{name}"] = packing.png(image)
            else:
                archives["train"][f"train/{name}"] = packing.png(image)
                archives["train_cleaned"][f"train_cleaned/{name}"] = cleaned
    for name, members in archives.items():
        packing.write_zip(folder / f"{name}.zip", members)


def _pages(
    heights: Sequence[int], sheets: Sheets
) -> Iterator[tuple[int, int, np.ndarray, list[np.ndarray]]]:
    """Number of the set, text in the set, clean page, its version with each noise."""
    for (number, height), page in product(enumerate(heights), range(PAGES)):
        rng = np.random.default_rng([SEED, number, page])
        clean = typeset(height, rng)
        yield number, page, clean, [spoil(clean, noise, sheets, rng) for noise in paper.NOISES]


def stationery(count: int) -> Sheets:
    """Draw `count` sheets of paper with each noise."""
    shape = (max(HEIGHTS), WIDTH)
    seeds = np.random.SeedSequence(SEED).spawn(len(paper.NOISES))
    return {
        noise: [draw(shape, np.random.default_rng(seed)) for seed in seeds[k].spawn(count)]
        for k, (noise, draw) in enumerate(paper.NOISES.items())
    }


def spoil(clean: np.ndarray, noise: str, sheets: Sheets, rng: np.random.Generator) -> np.ndarray:
    """Print a clean page on noisy paper.

    Grey levels are mixed linearly between ink and paper, as measured on the real pairs. There, ink
    is about 12 and speckled; on folds and wrinkles it is lighter by as much as the paper is darker.

    Parameters
    ----------
    clean
        uint8 ``[h, w]``, 255 = paper.
    noise
        One of `paper.NOISES`.
    sheets
        From `stationery`.
    rng
        Chooses the sheet, its orientation and the speckles.

    Returns
    -------
    numpy.ndarray
        uint8 ``[h, w]``.
    """
    sheet = sheets[noise][rng.integers(len(sheets[noise]))]
    sheet = sheet[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])][: clean.shape[0]]
    sheet = np.clip(sheet + rng.normal(0, 2), 0, 255)
    ink = rng.uniform(6, 24) + 9 * mottle(clean.shape, 0.6, rng)
    if noise in ("fold", "wrinkle"):
        ink += 0.86 * (255 - sheet)
    share = clean / np.float32(255)
    return np.rint(np.clip(ink + (sheet - ink) * share, 0, 255)).astype(np.uint8)


def typeset(height: int, rng: np.random.Generator) -> np.ndarray:
    """Typeset text that runs over the edges of a page: uint8 ``[height, 540]``, 255 = paper."""
    scale = SUPERSAMPLING
    size = rng.uniform(16, 20) if height < 300 else rng.uniform(20, 26)  # pixels per em
    font = _text_face(rng).font(round(size * scale))
    leading = round(size * scale * rng.uniform(1.15, 1.35))
    image = Image.new("L", (WIDTH * scale, height * scale), 255)
    draw = ImageDraw.Draw(image)
    margin, baseline = rng.uniform(4, 14) * scale, rng.uniform(0.3, 1.2) * leading
    lines = _lines(font, WIDTH * scale * rng.uniform(0.9, 1.3), size * scale / 3, rng)
    while baseline < height * scale + leading:
        words, gap, indent = next(lines)
        x = margin + indent
        for word in words:
            draw.text((round(x), round(baseline)), word, fill=0, font=font, anchor="ls")
            x += font.getlength(word) + gap
        baseline += leading
    return np.asarray(image.reduce(scale))


def _text_face(rng: np.random.Generator) -> fonts.Face:
    """A face for running text, mostly of regular weight."""
    families = [
        [face for face in members if face.alphabet == fonts.LETTERS and not _extreme(face)]
        for name, members in fonts.by_family().items()
        if name.startswith(TEXT_FAMILIES)
    ]
    families = [members for members in families if members]
    members = families[rng.integers(len(families))]
    regular = [face for face in members if "old" not in face.name]  # Bold, Semibold
    chosen = members if rng.random() < 0.2 else regular or members
    return chosen[rng.integers(len(chosen))]


def _extreme(face: fonts.Face) -> bool:
    return any(weight in face.name for weight in ("Hairline", "Black", "Light"))


def _lines(
    font: ImageFont.FreeTypeFont, measure: float, space: float, rng: np.random.Generator
) -> Iterator[tuple[list[str], float, float]]:
    """Justified lines: words, the gap between them, the indent."""
    for words in prose.paragraphs(rng):
        line: list[str] = []
        indent, filled = 4.5 * space, 0.0
        for word in words:
            length = font.getlength(word)
            if line and indent + filled + length + space * len(line) > measure:
                yield line, (measure - indent - filled) / max(1, len(line) - 1), indent
                line, indent, filled = [], 0.0, 0.0
            line.append(word)
            filled += length
        yield line, space, indent
