"""Raw archives in the official formats, small and made, as the data stage leaves them."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))

import made_archives as made

LETTERS = 12  # a class


def raw(dataset: str, files: dict[str, bytes], source: str = "stand-in") -> None:
    """Write archives and their provenance."""
    folder = Path("data/raw") / dataset
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    listed = [{"name": n, "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()]
    card = {"dataset": dataset, "source": source, "files": listed, "licence": "none"}
    (folder / "provenance.json").write_text(json.dumps(card))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both datasets in which two letters have a copy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKBENCH_TRACKING", "off")
    files = made.letter_files(LETTERS)
    files |= {f"notMNIST_small/{k}/copy.png": files[f"notMNIST_small/{k}/0.png"] for k in "AB"}
    raw("notmnist", {"notMNIST_small.tar.gz": made.tar_gz(files)})
    raw("mnist", made.digits(60, 50))
    return tmp_path
