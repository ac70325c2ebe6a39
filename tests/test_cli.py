"""The command `inkbench`: its arguments, exit codes and one-line errors."""

import getpass
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inkbench import cli


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must fail with exit code 2 and one line; return its stderr."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an empty dvc.yaml and the default tracking store."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_help_is_fast_and_lists_the_commands():
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "inkbench.cli", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1  # measured: 0.1 s
    commands = {
        "ui",
        "sync",
        "rollback",
        "readme",
        "sweep",
        "promote",
        "denoise",
        "classify",
        "submission",
        "grade",
    }
    assert commands <= set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        *(["ui", f"--port={port}"] for port in ("0", "-1", "65536", "http", "")),
        *(["classify", "a", f"--sheet={grid}"] for grid in ("0x3", "3", "axb", "²x2", "9999x2")),
        *(["denoise", "a", "-o=b", f"--scale={factor}"] for factor in ("nan", "0", "5", "x")),
        *(["denoise", "a", "-o=b", limit] for limit in ("--jobs=0", "--dpi=9999")),
    ],
    ids=" ".join,
)
def test_invalid_argument_names_option_and_value(arguments, capsys):
    option, _, value = arguments[-1].partition("=")
    error = run(capsys, *arguments)
    assert option in error and repr(value) in error and "expected" in error


def test_outside_a_repository_the_folder_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    error = run(capsys, "sync")
    assert str(tmp_path) in error and "dvc.yaml" in error


def test_user_without_a_name_gets_one(monkeypatch):
    def nobody(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("os.environ", {"PATH": os.environ["PATH"]})
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert getpass.getuser() == str(os.getuid())


def test_ui_refuses_a_remote_server_without_showing_its_password(repository, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@example.org")
    error = run(capsys, "ui")
    assert "MLFLOW_TRACKING_URI" in error and "example.org" in error
    assert "secret" not in error


def test_ui_names_a_port_in_use(repository, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = run(capsys, "ui", f"--port={port}")
    assert f"--port {port}: Address already in use" in error
    assert error.count("\n") == 1


def test_rollback_creates_no_store(repository, capsys):
    assert "`dvc repro`" in run(capsys, "rollback", "documents-restorer")
    assert [path.name for path in repository.iterdir()] == ["dvc.yaml"]


def test_repro_names_a_wrong_family_before_anything_starts(root, repository, capsys):
    text = (root / "params.yaml").read_text()
    (repository / "params.yaml").write_text(text.replace("family: vae", "family: vea", 1))
    (repository / "src/inkbench").mkdir(parents=True)
    (repository / "src/inkbench/params.py").touch()
    error = run(capsys, "repro")
    assert "mnist-vae" in error and "'vea'" in error and error.count("\n") == 1
    assert not (repository / ".tracking").exists()


def test_submission_needs_a_variant(root, repository, capsys):
    text = (root / "params.yaml").read_text()
    (repository / "params.yaml").write_text(text.partition("\nsubmission:")[0])
    error = run(capsys, "submission")
    assert "params.yaml" in error and "--variant" in error
    assert error.count("\n") == 1


def test_submission_needs_a_restoration_variant(root, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(root)
    error = run(capsys, "submission", "--variant", "mnist-vae", "-o", str(tmp_path / "new"))
    assert "mnist-vae" in error and "reconstruction" in error
    assert not (tmp_path / "new").exists()


def test_broken_pipe_prints_no_error():
    script = "from inkbench.errors import one_line_errors\n"
    script += "with one_line_errors():\n    for _ in range(100_000): print('a line')"
    pipe = f'"{sys.executable}" -c "{script}" | head -1'
    done = subprocess.run(pipe, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("a line\n", "")
