"""The command `inkbench`."""

import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inkbench import cli


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    return int(stopped.value.code or 0), capsys.readouterr().err


def test_help_answers_at_once_and_names_the_commands() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "inkbench.cli", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1  # 0.1 s
    commands = {"ui", "sync", "rollback", "readme", "denoise", "classify", "submission", "grade"}
    assert commands <= set(done.stdout.split())


def test_outside_of_the_repository_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(capsys, "sync")
    assert code == 2
    assert "no dvc.yaml here or above" in said


@pytest.mark.parametrize("port", ["0", "-1", "65536", "http", ""])
def test_an_impossible_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "ui", f"--port={port}")
    assert code == 2
    assert "is not a port" in said


def test_ui_does_not_pose_as_the_page_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@example.org")
    code, said = run(capsys, "ui")
    assert code == 2
    assert "not a local SQLite store" in said
    assert "secret" not in said


def test_without_a_variant_for_kaggle_one_must_be_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").touch()
    text = (root / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("submission: [documents-unet]", ""))
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "submission") == (
        2,
        "inkbench: error: params.yaml: submission: [] names no variant; use --variant\n",
    )


def test_a_port_that_is_taken_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = run(capsys, "ui", f"--port={port}")
    assert code == 2
    assert said == f"inkbench: error: --port {port}: Address already in use; choose another\n"


def test_a_rollback_without_a_store_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    code, said = run(capsys, "rollback", "documents-restorer")
    assert code == 2
    assert "no store yet; `dvc repro` makes it" in said
    assert [path.name for path in tmp_path.iterdir()] == ["dvc.yaml"]


def test_only_a_restorer_can_be_submitted(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(root)
    code, said = run(capsys, "submission", "--variant", "mnist-vae", "-o", str(tmp_path / "new"))
    assert code == 2
    assert "its task is reconstruction; name a restorer" in said
    assert not (tmp_path / "new").exists()


def test_a_reader_that_leaves_is_no_error() -> None:
    script = "from inkbench.errors import one_line_errors\n"
    script += "with one_line_errors():\n    for _ in range(100_000): print('a line')"
    pipe = f'"{sys.executable}" -c "{script}" | head -1'
    done = subprocess.run(pipe, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("a line\n", "")
