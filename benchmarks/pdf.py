"""Measure how `inkbench denoise` writes and reads files of many pages, without the network.

    python benchmarks/pdf.py [--pages 100 400 1600] [--formats pdf tif]

Writes A4 pages of 150 dpi, then reads the file again, each in a process of its own.
Time per page and peak memory must not grow with the number of pages.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from inkbench.denoise.reading import Scan, read
from inkbench.denoise.writing import writing

DPI = 150
SIZE = (1754, 1240)  # rows and columns of an A4 page


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 400, 1600])
    parser.add_argument("--formats", nargs="+", choices=["pdf", "tif"], default=["pdf", "tif"])
    parser.add_argument("--step", choices=["write", "read"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        measure(options.step, options.file, options.pages[0])
        return
    for suffix in options.formats:
        for pages in options.pages:
            with tempfile.TemporaryDirectory() as folder:
                for step in ("write", "read"):
                    command = [sys.executable, __file__, "--step", step, "--pages", str(pages)]
                    subprocess.run([*command, "--file", f"{folder}/pages.{suffix}"], check=True)


def measure(step: str, file: Path, pages: int) -> None:
    """Write or read a file, and print CPU time per page and peak memory."""
    page = np.full(SIZE, 255, np.uint8)  # with as many dark pixels as a page of text
    page.flat[np.random.default_rng(0).integers(0, page.size, page.size // 20)] = 0
    started = time.process_time()
    if step == "write":
        with writing(file, force=True) as add:
            for _ in range(pages):
                add(page, Scan(page, (DPI, DPI)))
    else:
        assert sum(1 for _ in read(file, pdf_dpi=DPI)) == pages
    each = (time.process_time() - started) / pages
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{step} {file.suffix} of {pages} pages: {each * 1e3:.1f} ms a page, {peak:.0f} MB")


if __name__ == "__main__":
    main()
