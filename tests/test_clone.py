"""Clones have the committed bytes, whatever git was told about line ends."""

import os
import subprocess
from pathlib import Path

import pytest

import sharing_page
from helpers import contents

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
def test_clone_keeps_every_byte(config: str, origin: Path, tmp_path: Path) -> None:
    if config == "core.attributesFile":
        (tmp_path / "attributes").write_text("* text eol=crlf\n")
        config += f"={tmp_path}/attributes"
    git(tmp_path, "-c", config, "clone", "-q", str(origin), "clone")
    expected = {k: v for k, v in contents(origin).items() if not k.startswith(".git/")}
    cloned = {k: v for k, v in contents(tmp_path / "clone").items() if not k.startswith(".git/")}
    assert [name for name in expected if cloned.get(name) != expected[name]] == []


def test_commit_from_windows_keeps_every_byte(origin: Path, tmp_path: Path) -> None:
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(origin), "clone")
    (tmp_path / "clone/table.csv").write_bytes(b"id,value\r\n1,2\r\n")
    git(tmp_path / "clone", "-c", "core.autocrlf=true", "add", "table.csv")
    git(tmp_path / "clone", *ALWAYS, "commit", "-q", "--no-verify", "-m", "a table")
    git(tmp_path, "clone", "-q", "clone", "again")
    assert (tmp_path / "again/table.csv").read_bytes() == b"id,value\r\n1,2\r\n"
