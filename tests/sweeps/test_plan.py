"""A bad command is refused in one line, with exit code 2, before anything is written."""

from pathlib import Path

import pytest

from helpers import ROOT, inkbench

NAMES = ["mnist-vae", "--name", "lr"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the real params.yaml and the table of a sweep over `epochs`."""
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/lr.trials.csv").write_text("variant,train.epochs,seed\nmnist-vae,3,42\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["vae"], ["'vae'", "mnist-vae"]),
        (["mnist-vae", "--set", "momentum=0.9"], ["momentum", "unknown key", "learning_rate"]),
        (["mnist-vae", "--set", "model.depth=3"], ["depth", "code"]),
        (["mnist-vae", "--set", "epochs.x=3"], ["epochs.x"]),
        (["mnist-vae", "--set", "epochs=3,many"], ["epochs", "'many'", "integer"]),
        (["mnist-vae", "--set", "learning_rate=0.1,-1"], ["learning_rate", "-1"]),
        (["mnist-vae", "mnist-conv-ae", "--set", "model.l1=0.1"], ["mnist-vae", "'l1'"]),
        (["mnist-vae", "--set", "learning_rate="], ["learning_rate=", "KEY=V1,V2"]),
        (["mnist-vae", "--set", "epochs"], ["epochs", "KEY=V1,V2"]),
        (["mnist-vae", "--set", "epochs=1", "--set", "epochs=2"], ["epochs=2", "twice"]),
        (["mnist-vae", "--set", "learning_rate=[0.001,0.002]"], ["learning_rate", "0.002]"]),
        *(
            (["mnist-vae", "--set", f"learning_rate={bad}"], ["--set learning_rate", repr(bad)])
            for bad in ("[256", "%x", "@a", "*", "!x", "2024-01-01", "2024-99-99", "nan", "0.1:")
        ),
        (["mnist-vae", "--set", "seed=1,2"], ["--seeds"]),
        (["mnist-vae", "--seeds", "0"], ["--seeds 0", "at least 1"]),
        (["mnist-vae", "--trials", "3"], ["--trials 3", "--search"]),
        (["mnist-vae", "--search", "tpe", "--trials", "3"], ["tpe", "--set"]),
        (["mnist-vae", "--search", "tpe", "--set", "epochs=1,2"], ["tpe", "--trials"]),
        (["mnist-vae", "--set", "epochs=1..9"], ["epochs", "range"]),
        (["mnist-vae", "--set", "epochs=9..1", "--search=random", "--trials=2"], ["9..1"]),
        (["mnist-vae", "--prune"], ["--prune", "--set"]),
        (["mnist-vae", "--prune", "--set", "epochs=3,6"], ["--prune", "epochs"]),
        (["mnist-sparse-l1", "--prune", "--set", "model.l1=0.1,0.2"], ["model.l1", "compare"]),
        (["mnist-vae", "--prune", "--set", "model.code=5,9"], ["'vae'", "ELBO"]),
        (["documents-unet", "--prune", "--set", "train_limit=20,40"], ["train_limit", "compare"]),
        (["mnist-vae", "--name", "a/b"], ["a/b"]),
        *((["mnist-vae", "--set", f"{key}=1,2"], [f"{key}=1,2"]) for key in ("", "{a", "@a", "a.")),
        (["notmnist-cnn", "--set", "augment={shift: 1},{shift: 2}"], ["{shift: 1}"]),
        (["mnist-vae", "--set", "epochs=1..3", "--search=random", "--trials=4"], ["4", "3 conf"]),
        ([*NAMES, "--set", "learning_rate=0.1"], ["lr.trials.csv", "epochs", "another name"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_sweep_refuses_bad_input_before_anything_starts(arguments, facts, repository, capsys):
    before = sorted(repository.rglob("*"))
    assert inkbench("sweep", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert [fact for fact in facts if fact not in line] == []
    assert sorted(repository.rglob("*")) == before


def test_sweep_refuses_a_path_where_experiments_fail(repository, monkeypatch, capsys):
    (repository / "a#b").mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        (repository / name).rename(repository / "a#b" / name)
    monkeypatch.chdir(repository / "a#b")
    assert inkbench("sweep", "mnist-vae") == 2
    assert "a#b" in capsys.readouterr().err


def test_promote_names_an_unknown_sweep(repository, capsys):
    assert inkbench("promote", "gone") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "gone.trials.csv" in line and "lr" in line
