"""Measure time and peak memory of `inkbench denoise` for A4 pages at 300 dpi.

    python benchmarks/denoise.py [--model models/documents-scans/model.keras] [--pages N]

Draws pages of 2480×3508 pixels with 11-point text on stained paper and runs the command in a
separate process, first for one page, then for all. The difference gives the time per further page
without start-up (ten seconds, mostly TensorFlow). `--colour` measures pages in colour.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import font_source_sans_pro
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkbench import layout
from inkbench.datasets.synthetic import paper, prose

SIZE = (2480, 3508)  # pixels
DPI = 300
POINTS = 11
PAPER_SCALE = 4  # paper is drawn at a quarter of the size: stains are smooth
INK = 12  # grey level


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=layout.model("documents-scans"))
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--colour", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pages = []
        for number in range(options.pages):
            pages.append(Path(folder) / f"{number}.png")
            page = draw(number)
            (page.convert("RGB") if options.colour else page).save(pages[-1], dpi=(DPI, DPI))
        extra = ["--model", str(options.model)]
        first, peak = run(pages[:1], Path(folder) / "one", extra)
        print(f"1 page: {first:.1f} s, peak memory {peak:.0f} MB")
        if options.pages > 1:
            total, peak = run(pages, Path(folder) / "all", extra)
            print(f"{options.pages} pages: {total:.1f} s, peak memory {peak:.0f} MB")
            each = (total - first) / (options.pages - 1)
            print(f"each further page: {each:.1f} s, {SIZE[0] * SIZE[1] / 1e6 / each:.2f} Mpixel/s")


def draw(seed: int) -> Image.Image:
    """Draw a page of text on folded, wrinkled, stepped-on or stained paper."""
    random = np.random.default_rng(seed)
    page = Image.new("L", SIZE, 255)
    path = font_source_sans_pro.font_files_ttf["SourceSansPro"]
    font = ImageFont.truetype(path, round(POINTS / 72 * DPI))
    pen, top, margin = ImageDraw.Draw(page), 200, 200
    for words in prose.paragraphs(random):
        line = ""
        for word in words:
            if font.getlength(line + word) > SIZE[0] - 2 * margin:
                pen.text((margin, top), line, font=font, fill=0)
                line, top = "", top + round(1.3 * font.size)
            line += f"{word} "
        pen.text((margin, top), line, font=font, fill=0)
        top += 2 * font.size
        if top > SIZE[1] - 300:
            break
    noise = list(paper.NOISES.values())[seed % len(paper.NOISES)]
    sheet = noise((SIZE[1] // PAPER_SCALE, SIZE[0] // PAPER_SCALE), random).astype(np.float32)
    sheet = np.asarray(Image.fromarray(sheet).resize(SIZE, Image.Resampling.BICUBIC))
    ink = 1 - np.asarray(page) / np.float32(255)
    return Image.fromarray((sheet + ink * (INK - sheet)).clip(0, 255).astype(np.uint8))


def run(pages: list[Path], out: Path, extra: list[str]) -> tuple[float, float]:
    """Run the command; returns wall time in seconds and peak memory in MB."""
    command = [sys.executable, "-m", "inkbench.cli", "denoise", *map(str, pages), "-o", str(out)]
    started = time.perf_counter()
    process = subprocess.Popen([*command, *extra], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"inkbench denoise failed: {' '.join(command)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
