"""Measure Tesseract's character error rate on noisy and restored pages.

    python benchmarks/ocr.py [--model models/documents-unet/model.keras] [--pages N]

Uses the page-disjoint test pages. The reference text is Tesseract's output for the clean version.
The character error rate is the edit distance to that text divided by its length, pooled over
all pages. Needs the program `tesseract` (Debian: apt-get install tesseract-ocr) and
data/processed/documents; skips the benchmark without Tesseract. Takes a few minutes.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from inkbench import layout
from inkbench.datasets.common import store
from inkbench.datasets.common.background import without_background
from inkbench.errors import one_line_errors
from inkbench.prediction import Predictor

ENLARGED = 2  # Tesseract works best for letters of 20 to 30 pixels; these have about 12
Counts = dict[str, list[int]]  # edits and characters, by kind of page


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=layout.model("documents-unet"))
    parser.add_argument("--pages", type=int, help="only the first N pages")
    options = parser.parse_args()
    if not shutil.which("tesseract"):
        sys.exit(print("ocr: skipped, tesseract is not installed (apt-get install tesseract-ocr)"))
    with one_line_errors():
        pages = store.load_pages("documents", "test")[: options.pages]
        report(measure(pages, Predictor.load(options.model)))


def measure(pages: list[store.Page], model: Predictor) -> Counts:
    """Count edits and characters of noisy, background-divided and restored pages."""
    references: dict[int, str] = {}
    counts: Counts = {}
    for page in tqdm(pages, "reading", unit="page", disable=None):
        if page.group not in references:
            references[page.group] = text_of(page.clean)
        reference = references[page.group]
        for kind, image in (
            ("noisy", page.noisy),
            ("background division", as_bytes(without_background(page.noisy))),
            ("restored", as_bytes(model.restore(page.noisy))),
        ):
            edits = distance(text_of(image), reference)
            for key in (kind, f"{kind}, {page.noise}"):
                total = counts.setdefault(key, [0, 0])
                total[0] += edits
                total[1] += len(reference)
    return counts


def report(counts: Counts) -> None:
    """Print the error rates, and by how much restoration reduces them."""
    for key, (edits, characters) in sorted(counts.items()):
        print(f"{key:34} {edits / characters:7.2%}  ({edits:,} of {characters:,} characters)")
    reduction = 1 - counts["restored"][0] / counts["noisy"][0]
    print(f"errors removed by restoration: {reduction:.1%}")


def text_of(page: np.ndarray) -> str:
    """Tesseract's output for a page, with single spaces."""
    size = [ENLARGED * side for side in reversed(page.shape)]
    image = Image.fromarray(page).resize(size, Image.Resampling.LANCZOS)
    command = ["tesseract", "stdin", "stdout", "--psm", "6", "--dpi", "300", "-l", "eng"]
    done = subprocess.run(
        command,
        input=image._repr_png_(),
        capture_output=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        check=True,
    )
    return " ".join(done.stdout.decode(errors="replace").split())


def as_bytes(page: np.ndarray) -> np.ndarray:
    """Convert greys in [0, 1] to uint8."""
    return np.rint(page.clip(0, 1) * 255).astype(np.uint8)


def distance(source: str, target: str) -> int:
    """Edit distance: insertions, deletions and substitutions (Levenshtein, 1966)."""
    letters = np.array(list(target))
    steps = np.arange(len(target) + 1)
    row = steps.copy()
    for letter in source:
        best = np.minimum(row[1:] + 1, row[:-1] + (letters != letter))
        below = np.concatenate([[row[0] + 1], best])
        row = np.minimum.accumulate(below - steps) + steps  # insertions, from the left
    return int(row[-1])


if __name__ == "__main__":
    main()
