"""Clones have the committed bytes, and a download without git says what works."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from drawn_pages import letter_page

import sharing_page
from helpers import ROOT, contents, inkbench
from inkbench import models
from inkbench.models.common import storage

ALWAYS = ["-c", "user.name=t", "-c", "user.email=t@example.org"]


def git(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this tree in its only commit."""
    folder = tmp_path_factory.mktemp("origin")
    sharing_page.copy(folder)
    git(folder, "init", "-q")
    git(folder, "add", "--all", "--force")
    git(folder, *ALWAYS, "commit", "-q", "--no-verify", "-m", "everything")
    return folder


@pytest.mark.parametrize("config", ["core.autocrlf=true", "core.eol=crlf", "core.attributesFile"])
def test_clone_keeps_every_byte(config, origin, tmp_path):
    if config == "core.attributesFile":
        (tmp_path / "attributes").write_text("* text eol=crlf\n")
        config += f"={tmp_path}/attributes"
    git(tmp_path, "-c", config, "clone", "-q", str(origin), "clone")
    expected = {k: v for k, v in contents(origin).items() if not k.startswith(".git/")}
    cloned = {k: v for k, v in contents(tmp_path / "clone").items() if not k.startswith(".git/")}
    assert [name for name in expected if cloned.get(name) != expected[name]] == []


def test_commit_from_windows_keeps_every_byte(origin, tmp_path):
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(origin), "clone")
    (tmp_path / "clone/table.csv").write_bytes(b"id,value\r\n1,2\r\n")
    git(tmp_path / "clone", "-c", "core.autocrlf=true", "add", "table.csv")
    git(tmp_path / "clone", *ALWAYS, "commit", "-q", "--no-verify", "-m", "a table")
    git(tmp_path, "clone", "-q", "clone", "again")
    assert (tmp_path / "again/table.csv").read_bytes() == b"id,value\r\n1,2\r\n"


def test_repro_without_git_says_so_in_one_line(tmp_path):
    folder = tmp_path / "a b#c"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    plain = {name: os.environ[name] for name in os.environ if not name.startswith("MAKE")}
    command = ["make", "repro"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=plain)
    assert (done.returncode, done.stdout) == (2, "")
    ours, makes = done.stderr.splitlines()
    assert str(folder) in ours and "git clone" in ours and "--model FILE" in ours
    assert makes.startswith("make: ***")


def test_denoise_with_a_model_needs_no_repository_and_no_git(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    storage.save(models.build("unet", (None, None, 2), 0, {"width": 4}), Path("mine.keras"))
    letter_page().save("scan.png")
    assert inkbench("denoise", "scan.png", "--model", "mine.keras", "-o", "out") == 0
    assert "mine.keras" in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["scan.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.keras", "out", "scan.png"]
