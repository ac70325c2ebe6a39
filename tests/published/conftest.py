"""Small generated archives in the official formats, as the download stage leaves them."""

from pathlib import Path

import made_archives
import pytest

LETTERS_PER_CLASS = 12


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both datasets; two letters have a duplicate."""
    monkeypatch.chdir(tmp_path)
    files = made_archives.letter_files(LETTERS_PER_CLASS)
    files |= {f"notMNIST_small/{k}/copy.png": files[f"notMNIST_small/{k}/0.png"] for k in "AB"}
    archive = made_archives.tar_gz(files)
    made_archives.lay("notmnist", {"notMNIST_small.tar.gz": archive}, "synthetic")
    made_archives.lay("mnist", made_archives.digits(60, 50), "synthetic")
    return tmp_path
