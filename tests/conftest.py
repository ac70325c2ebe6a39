"""Shared by all tests: quiet libraries, one copy of the repository's root."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # helpers that tests of several folders share


@pytest.fixture
def root() -> Path:
    """The repository's root."""
    return ROOT
