"""Fixtures for `inkbench denoise`: a working directory, a page and a restorer."""

from pathlib import Path

import pytest
from drawn_pages import BackgroundDivision, letter_page
from PIL import Image

from inkbench import chosen


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands use a restorer without a network instead of the champion."""
    monkeypatch.setattr(chosen, "model", lambda *_: (BackgroundDivision(), "model: for tests"))


@pytest.fixture(scope="session")
def page() -> Image.Image:
    return letter_page()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
