"""Write the synthetic archives of a dataset."""

import importlib
from pathlib import Path

from inkbench import datasets


def write(dataset: str, folder: Path) -> None:
    """Write a dataset's synthetic archives, named and laid out like the official ones."""
    module = f"{__package__}.{datasets.spec(dataset).synthetic}"
    importlib.import_module(module).write(folder)
