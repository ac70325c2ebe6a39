"""`make setup` installs into .venv, whatever a user's settings for pip say."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers import ROOT, contents

SCRIPT = ROOT / "tools/install.py"
CONF = """\
[global]
index-url = {index}
user = true
quiet = 3
[install]
target = {elsewhere}/target
no-deps = true
require-hashes = true
"""


def index(folder: Path) -> str:
    """URL of a package index with one package, `tiny`."""
    info = "tiny-1.dist-info"
    files = {
        "tiny.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    (folder / "tiny").mkdir(parents=True)
    with zipfile.ZipFile(folder / "tiny/tiny-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    link = '<a href="tiny-1-py3-none-any.whl">tiny-1-py3-none-any.whl</a>'
    (folder / "tiny/index.html").write_text(f"<!DOCTYPE html><body>{link}</body>")
    return folder.as_uri()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment."""
    folder = tmp_path_factory.mktemp("new") / "a #1 .venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin/python"


def install(python: Path, home: Path, *arguments: str, **settings: str) -> None:
    """Run the script in an empty home folder, with these settings for pip."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "XDG_"))}
    environment = known | {"HOME": str(home)} | settings
    command = [python, SCRIPT, "--force-reinstall", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", ["pip.conf", "PIP_CONFIG_FILE", "variables"])
def test_install_goes_into_the_environment_from_the_users_index(place, python, tmp_path):
    elsewhere, url = tmp_path / "elsewhere", index(tmp_path / "simple")
    conf = tmp_path / "home/.config/pip/pip.conf"
    conf.parent.mkdir(parents=True)
    settings = {"PYTHONPATH": str(tmp_path)}
    if place == "variables":
        settings |= {"PIP_INDEX_URL": url, "PIP_USER": "1", "PIP_PREFIX": f"{elsewhere}/prefix"}
        settings |= {"PIP_ROOT": f"{elsewhere}/root", "PIP_DRY_RUN": "1", "PIP_REQUIRE_HASHES": "1"}
        settings |= {"PIP_PLATFORM": "win32", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_LOG": "/no/log"}
    else:
        conf = conf if place == "pip.conf" else tmp_path / "other.conf"
        conf.write_text(CONF.format(index=url, elsewhere=elsewhere))
        settings |= {} if place == "pip.conf" else {"PIP_CONFIG_FILE": str(conf)}
    install(python, tmp_path / "home", "tiny", **settings)
    (installed,) = python.parents[1].rglob("site-packages/tiny.py")
    installed.unlink()
    assert not elsewhere.exists()
    assert not [name for name in contents(tmp_path / "home") if "tiny" in name]
