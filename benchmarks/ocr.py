"""How well Tesseract reads pages before and after they are cleaned.

    python benchmarks/ocr.py [--model models/documents-unet/model.keras] [--pages N]

On the page-disjoint test pages; the truth is what Tesseract reads on the clean twin of a page. A
character error rate is the edit distance to that text over its length, pooled over all pages.
Needs the program `tesseract` (Debian: apt-get install tesseract-ocr) and data/processed/documents;
without the former it says so and ends well. A few minutes.
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

ENLARGED = 2  # times: Tesseract wants letters of twenty to thirty pixels, these have about twelve
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
    """Edits and characters for the pages as they are, without their paper, and restored."""
    truths: dict[int, str] = {}
    counts: Counts = {}
    for page in tqdm(pages, "reading", unit="page", disable=None):
        if page.group not in truths:
            truths[page.group] = text_of(page.clean)
        truth = truths[page.group]
        for kind, image in (
            ("noisy", page.noisy),
            ("divided by its paper", as_bytes(without_background(page.noisy))),
            ("restored", as_bytes(model.restore(page.noisy))),
        ):
            edits = distance(text_of(image), truth)
            for key in (kind, f"{kind}, {page.noise}"):
                found = counts.setdefault(key, [0, 0])
                found[0] += edits
                found[1] += len(truth)
    return counts


def report(counts: Counts) -> None:
    """Print the error rates, and how much of the gap is closed."""
    for key, (edits, characters) in sorted(counts.items()):
        print(f"{key:34} {edits / characters:7.2%}  ({edits:,} of {characters:,} characters)")
    closed = 1 - counts["restored"][0] / counts["noisy"][0]
    print(f"gap between noisy and clean closed: {closed:.1%}")


def text_of(page: np.ndarray) -> str:
    """What Tesseract reads on a page, with single spaces."""
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
    """Greys in [0, 1] as uint8."""
    return np.rint(page.clip(0, 1) * 255).astype(np.uint8)


def distance(one: str, other: str) -> int:
    """Fewest insertions, deletions and replacements from one to the other (Levenshtein, 1966)."""
    letters = np.array(list(other))
    steps = np.arange(len(other) + 1)
    row = steps.copy()
    for letter in one:
        best = np.minimum(row[1:] + 1, row[:-1] + (letters != letter))
        below = np.concatenate([[row[0] + 1], best])
        row = np.minimum.accumulate(below - steps) + steps  # insertions, from the left
    return int(row[-1])


if __name__ == "__main__":
    main()
