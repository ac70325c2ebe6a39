"""`make verify-repro` finds every byte that differs between two runs."""

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
    """Runs the script on a variant with fake stages; returns its exit code."""
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
    """The clone's processed data."""
    folder = tmp_path / "data/processed/notmnist"
    folder.mkdir(parents=True)
    (folder / "train.npz").write_bytes(b"")


def test_verify_repro_accepts_equal_bytes(verify, data, capfd):
    assert verify() == 0
    assert capfd.readouterr().out.startswith("notmnist-cnn: repeatable")
    assert not Path("models").exists()


def test_verify_repro_names_a_file_that_differs(verify, data, capfd):
    Path("stages/evaluate.py").write_text(EVALUATE.replace("{number}", "str(os.getpid())"))
    assert verify() == 1
    message = capfd.readouterr().err
    assert "not repeatable: metrics/notmnist-cnn.json" in message


def test_verify_repro_exits_with_the_code_of_a_failed_stage(verify, data):
    Path("stages/train.py").write_text("raise SystemExit(2)")
    assert verify() == 2


def test_verify_repro_names_missing_data_and_the_way_out(verify, capfd):
    assert verify() == 2
    message = capfd.readouterr().err
    assert "data/processed/notmnist" in message and "dvc repro" in message
