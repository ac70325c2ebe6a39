"""`make verify-repro` sees every byte that differs between two runs, and says so in one line."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

STAGE = """
import os, sys
from pathlib import Path
assert Path("data/processed/notmnist/train.npz").is_file(), "the clone's own data"
assert os.environ["INKBENCH_TRACKING"] == "off"
def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
"""
TRAIN = STAGE + "write(f'models/{sys.argv[1]}/model.keras', 'weights')\n"
EVALUATE = STAGE + "write(f'metrics/{sys.argv[1]}.json', {number})\n"


@pytest.fixture
def verify(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The script, run on a variant whose stages are made up: exit code."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((root / "params.yaml").read_text())
    Path("stages").mkdir()
    Path("stages/train.py").write_text(TRAIN)
    Path("stages/evaluate.py").write_text(EVALUATE.replace("{number}", "'0.5'"))
    import verify_repro

    module: ModuleType = verify_repro
    monkeypatch.setattr(module, "STAGES", tmp_path / "stages")

    def run() -> int:
        monkeypatch.setattr(sys, "argv", ["verify_repro.py", "notmnist-cnn"])
        with pytest.raises(SystemExit) as end:
            module.main()
        return end.value.code

    yield run
    del sys.modules["verify_repro"]


@pytest.fixture
def data(tmp_path: Path) -> None:
    """Processed data of the clone."""
    folder = tmp_path / "data/processed/notmnist"
    folder.mkdir(parents=True)
    (folder / "train.npz").write_bytes(b"")


def test_the_same_bytes_twice_are_said_to_be_so(verify, data, capfd):
    assert verify() == 0
    said = capfd.readouterr().out
    assert said.startswith("notmnist-cnn: repeatable: two runs gave the same bytes, 2 files")
    assert not Path("models").exists()


def test_a_file_that_differs_is_named(verify, data, capfd):
    Path("stages/evaluate.py").write_text(EVALUATE.replace("{number}", "str(os.getpid())"))
    assert verify() == 1
    assert capfd.readouterr().err == (
        "notmnist-cnn: not repeatable: metrics/notmnist-cnn.json differs between two runs\n"
    )


def test_a_stage_that_fails_ends_it(verify, data):
    Path("stages/train.py").write_text("raise SystemExit(2)")
    assert verify() == 2


def test_missing_data_says_how_to_make_it(verify, capfd):
    assert verify() == 2
    assert "data/processed/notmnist not found; run `dvc repro" in capfd.readouterr().err
