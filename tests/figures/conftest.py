"""One project folder for all tests of figures; no test may write into it."""

from pathlib import Path

import pytest

import made_results


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic data: a variant of every kind, evaluated but not plotted."""
    return made_results.copy(tmp_path_factory, "synthetic")
