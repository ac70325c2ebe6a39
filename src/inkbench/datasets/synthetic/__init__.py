"""Synthetic data for machines that can reach no host: same archives, same layout, made up content.

Letters come from the fonts of installed packages, digits from scikit-learn's handwritten ones,
pages from text and synthesised paper. The bytes depend on library versions only: every random
number comes from a fixed seed, every archive has fixed times and sorted members.
"""

import importlib
from pathlib import Path

_WRITERS = {"notmnist": "letters", "mnist": "digits", "documents": "pages"}


def write(dataset: str, folder: Path) -> None:
    """Write a dataset's synthetic archives, named and laid out like the official ones.

    Parameters
    ----------
    dataset
        ``"notmnist"`` (``notMNIST_small.tar.gz``), ``"mnist"`` (four IDX ``.gz``) or
        ``"documents"`` (``train.zip``, ``train_cleaned.zip``, ``test.zip``).
    folder
        Existing folder; files of the same names are replaced, each one at once.
    """
    importlib.import_module(f"{__name__}.{_WRITERS[dataset]}").write(folder)
