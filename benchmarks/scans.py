"""Measure how pages of a folder are cleaned, beside background division and Sauvola's threshold.

    python benchmarks/scans.py FOLDER [--model FILE] [-o OUT] [--only TEXT]

FOLDER holds images of pages. Where NAME.txt stands beside a page, Tesseract's character error rate
is measured; where NAME.bin.png does (ink black), the F-measure of DIBCO, with Otsu's threshold on
the output, and the share of that ink that is lost (true ink lost). For every page:

ink lost      share of the page's ink (by Sauvola's threshold, without specks) that has less than
              half of its contrast left; on rough paper, that threshold takes texture for ink
noise left    mean darkness of what is not ink, in grey levels
changed       RMSE to the input, in [0, 1]: what is clean already should stay so
pictures      structural similarity to the input inside pictures (areas without paper), if any

OUT gets scans.csv and, for every page, a PNG with the page and its results side by side:
x/001.jpg.png for x/001.jpg in FOLDER. Character error rates need the program `tesseract` (Debian:
apt-get install tesseract-ocr).
"""

import argparse
import contextlib
import functools
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ocr import distance
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu, threshold_sauvola
from skimage.metrics import structural_similarity
from skimage.morphology import remove_small_objects
from tqdm import tqdm

from inkbench import chosen, records
from inkbench.datasets.common.background import without_background
from inkbench.denoise import guard, inputs, reading
from inkbench.denoise.page import clean
from inkbench.errors import InkbenchError, one_line_errors, print_error, shown

SHOWN = 900  # pixels: largest side of a page in the pictures
SPECK = 8  # pixels: smaller components of Sauvola's mask are not ink
Method = Callable[[reading.Scan], np.ndarray]
Row = dict[str, object]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="default: the one that `inkbench denoise` uses")
    default = Path("scans-measured")
    parser.add_argument("-o", "--out", type=Path, default=default, help=f"default: {default}")
    parser.add_argument("--only", default="", help="only pages with this text in their name")
    options = parser.parse_args()
    with one_line_errors():
        pictures = _planned(options.folder, options.out, options.only)
        model, source = chosen.model("documents", "cleaning", options.model)
        print(source, file=sys.stderr)
        methods: dict[str, Method] = {
            "untouched": lambda scan: scan.pixels,
            "division": lambda scan: _levels(without_background(_grey(scan.pixels))),
            "sauvola": lambda scan: _levels(~_sauvola(_grey(scan.pixels))),
            "inkbench": lambda scan: clean(model, scan.pixels, dpi=scan.dpi and scan.dpi[0]).pixels,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        if not _reads_english():
            remedy = "apt-get install tesseract-ocr"
            print(f"no Tesseract with English ({remedy}): no error rates", file=sys.stderr)
        rows: list[Row] = []
        failed = 0
        try:
            for page, picture in tqdm(pictures.items(), "measuring", unit="page", disable=None):
                name = str(page.relative_to(options.folder))
                try:
                    rows += _measured(page, name, methods, picture)
                except Exception as error:  # the other pages must go on
                    failed += 1
                    print_error(f"{name}: {str(error).removeprefix(f'{shown(page)}: ')}")
        finally:
            if rows:
                lines = [list(row.values()) for row in rows]
                records.write_csv(options.out / "scans.csv", list(rows[0]), lines)
        _report(rows, list(methods))
        sys.exit(1 if failed else 0)


def _planned(folder: Path, out: Path, only: str) -> dict[Path, Path]:
    """Each page to measure and its picture; `InkbenchError` if one would overwrite an input."""
    if not folder.is_dir():
        raise InkbenchError(f"{folder}: not a folder")
    if out.resolve() == folder.resolve():
        raise InkbenchError(f"{out}: holds the pages themselves; choose another -o")
    with contextlib.redirect_stderr(io.StringIO()) as messages:
        files, errors = inputs.sources([str(folder)], out)
    for line in messages.getvalue().splitlines():
        if ".txt: " not in line:  # of a truth
            print(line, file=sys.stderr)
    for error in errors:
        print_error(error)
    pages = [page for page in files if not page.name.endswith(".bin.png") and only in page.name]
    if not pages:
        raise InkbenchError(f"{folder}: no page with {only!r} in its name")
    pictures = {page: out / f"{page.relative_to(folder)}.png" for page in pages}
    originals = {file.resolve() for file in files}
    for picture in pictures.values():
        if picture.resolve() in originals:
            raise InkbenchError(f"{picture}: would overwrite an input; choose another -o")
    return pictures


def _measured(page: Path, name: str, methods: dict[str, Method], picture: Path) -> list[Row]:
    """One row for each method; draws the picture of the page."""
    scan = next(reading.read(page))
    before = _grey(scan.pixels)
    ink = remove_small_objects(_sauvola(before), max_size=SPECK - 1, connectivity=2)
    pictures = _pictures(before)
    truth = _truth(page.with_suffix(".bin.png"))
    if truth is not None and truth.shape != before.shape:
        raise InkbenchError(f"{page.with_suffix('.bin.png').name} has another size than the page")
    rows, drawn = [], []
    for label, method in methods.items():
        started = time.perf_counter()
        result = method(scan)
        seconds = time.perf_counter() - started
        after = _grey(result)
        row: Row = {"page": name, "method": label}
        row["cer"] = _error_rate(result, page.with_suffix(".txt"))
        row["f_measure"] = "" if truth is None else _f_measure(after, truth)
        lost = guard.weakened(before / np.float32(255), after / np.float32(255))
        row["ink_lost"] = round(float(lost[ink].mean()), 4) if ink.any() else ""
        row["true_ink_lost"] = "" if truth is None else round(float(lost[truth].mean()), 4)
        paper = ~ndimage.binary_dilation(ink, iterations=3) & ~pictures
        row["noise_left"] = (
            round(float((255 - after[paper].astype(float)).mean()), 2) if paper.any() else ""
        )
        row["changed"] = round(float(np.sqrt(np.mean((after / 255 - before / 255) ** 2))), 4)
        row["pictures"] = _similarity(before, after, pictures)
        row["seconds"] = round(seconds, 2)
        rows.append(row)
        drawn.append(_reduced(result))
    height = max(image.shape[0] for image in drawn)
    columns = [
        np.pad(i, ((0, height - len(i)), (0, 12), (0, 0)), constant_values=120) for i in drawn
    ]
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(columns, 1)).save(picture)
    return rows


def _report(rows: list[Row], methods: list[str]) -> None:
    """Print the means of every method, and the pages that are worst for this tool."""
    print("| measure | " + " | ".join(methods) + " |\n|---|" + "---:|" * len(methods))
    for key, worst in (("cer", max), ("f_measure", min), ("true_ink_lost", max),
                       ("ink_lost", max), ("noise_left", max), ("changed", max),
                       ("pictures", min), ("seconds", max)):  # fmt: skip
        cells = []
        for name in methods:
            values = [float(str(r[key])) for r in rows if r["method"] == name and r[key] != ""]
            cells.append(f"{np.mean(values):.3f} ({worst(values):.3f})" if values else "–")
        print(f"| {key}, mean ({worst.__name__}) | " + " | ".join(cells) + " |")
    untouched = {r["page"]: r for r in rows if r["method"] == "untouched"}
    for row in rows:
        if row["method"] != "inkbench":
            continue
        notes = []
        if (
            row["cer"] != ""
            and float(str(row["cer"])) > float(str(untouched[row["page"]]["cer"])) + 0.005
        ):
            notes.append(f"error rate {untouched[row['page']]['cer']} → {row['cer']}")
        if row["ink_lost"] != "" and float(str(row["ink_lost"])) > 0.05:
            notes.append(f"ink lost {row['ink_lost']}")
        if notes:
            print(f"{row['page']}: {', '.join(notes)}")


def _grey(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"))


def _levels(page: np.ndarray) -> np.ndarray:
    return np.rint(page.clip(0, 1) * 255).astype(np.uint8)


def _sauvola(page: np.ndarray) -> np.ndarray:
    """Ink by Sauvola's threshold (2000) at k = 0.2, in a window of about two letters."""
    return page < threshold_sauvola(page, max(25, min(page.shape) // 40 * 2 + 1), k=0.2)


def _pictures(page: np.ndarray) -> np.ndarray:
    """Large areas with neither paper nor flat black: photographs and paintings."""
    step = 8
    small = np.asarray(Image.fromarray(page).reduce(step), np.float32)
    mean = ndimage.uniform_filter(small, 9)
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(small**2, 9) - mean**2, 0))
    bright = ndimage.maximum_filter(small, 9)
    mask = (bright < np.percentile(small, 98) - 25) & (spread > 6) & (mean > 25)
    mask = ndimage.binary_opening(mask, iterations=3)
    large = np.kron(mask, np.ones((step, step), bool))[: page.shape[0], : page.shape[1]]
    edges = [(0, a - b) for a, b in zip(page.shape, large.shape, strict=True)]
    return np.pad(large, edges)


def _similarity(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> float | str:
    if not mask.any():
        return ""
    _, similar = structural_similarity(before, after, full=True)
    return round(float(similar[mask].mean()), 3)


@functools.cache
def _reads_english() -> bool:
    """Whether Tesseract and its English data are installed."""
    if not shutil.which("tesseract"):
        return False
    done = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True)
    return "eng" in (done.stdout + done.stderr).split()


def _error_rate(pixels: np.ndarray, truth: Path) -> float | str:
    """Tesseract's character error rate; empty without a truth or the program."""
    expected = " ".join(truth.read_text(encoding="utf-8").split()) if truth.exists() else ""
    if not expected or not _reads_english():
        return ""
    done = subprocess.run(
        ["tesseract", "stdin", "stdout", "-l", "eng"],
        input=Image.fromarray(pixels)._repr_png_(),
        capture_output=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        check=True,
    )
    found = " ".join(done.stdout.decode(errors="replace").split())
    return round(distance(found, expected) / len(expected), 4)


def _truth(path: Path) -> np.ndarray | None:
    """The ink of a page, bool ``[h, w]``, if it is known."""
    return np.asarray(Image.open(path).convert("L")) < 128 if path.exists() else None


def _f_measure(page: np.ndarray, expected: np.ndarray) -> float:
    """Harmonic mean of recall and precision of ink pixels, in percent (DIBCO, 2009)."""
    found = page <= threshold_otsu(page)
    both = (expected & found).sum()
    return round(float(200 * both / (expected.sum() + found.sum())), 2)


def _reduced(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    return np.asarray(image)


if __name__ == "__main__":
    main()
