"""Raw archives in the official formats, small and made, as the data stage leaves them."""

from pathlib import Path

import made_archives as made
import pytest

LETTERS = 12  # a class


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both datasets in which two letters have a copy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKBENCH_TRACKING", "off")
    files = made.letter_files(LETTERS)
    files |= {f"notMNIST_small/{k}/copy.png": files[f"notMNIST_small/{k}/0.png"] for k in "AB"}
    made.lay("notmnist", {"notMNIST_small.tar.gz": made.tar_gz(files)}, "synthetic")
    made.lay("mnist", made.digits(60, 50), "synthetic")
    return tmp_path
