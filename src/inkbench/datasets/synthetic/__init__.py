"""Synthetic data for machines that reach no host: the official file names and formats, new content.

Letters come from the fonts of installed packages, digits from scikit-learn's handwritten ones,
pages from text on synthesised paper. The bytes depend on library versions only: every random
number comes from a fixed seed, every archive has fixed times and sorted members.
"""

import importlib
from pathlib import Path

from inkbench import datasets


def write(dataset: str, folder: Path) -> None:
    """Write a dataset's synthetic archives, named and laid out like the official ones."""
    importlib.import_module(f"{__name__}.{datasets.spec(dataset).synthetic}").write(folder)
