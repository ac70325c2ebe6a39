"""A working directory, a page and a restorer for all tests of `inkbench denoise`."""

from pathlib import Path

import pytest
from drawn_pages import Flattener, letter_page
from PIL import Image

from inkbench import chosen


@pytest.fixture
def model() -> Flattener:
    return Flattener()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command gets that restorer, without looking for a champion."""
    monkeypatch.setattr(chosen, "model", lambda *_: (Flattener(), "model: the tests' own"))


@pytest.fixture(scope="session")
def page() -> Image.Image:
    return letter_page()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
