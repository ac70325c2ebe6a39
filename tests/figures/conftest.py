"""One made-up project folder for all tests of figures; nobody may write into it."""

from pathlib import Path

import pytest

import made_results


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic data: every kind of variant, evaluated but not plotted."""
    return made_results.write(tmp_path_factory.mktemp("made"), "synthetic")
