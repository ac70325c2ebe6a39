"""The commands of docs/sharing.md, and a shell to run them in temporary repositories."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "sharing.md"

# What the page calls them.
GIT = "https://example.org/our/inkbench"
FOLDER = "/srv/inkbench"
BUCKET = "s3://our-bucket/inkbench"
ENDPOINT = "https://s3.example.org"
KEY, SECRET = "our-key", "our-secret"

_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")  # nobody's keys, remotes or proxies
_BLOCK = re.compile(r"^### ([^\n]+)\n(?:(?!#|```)[^\n]*\n)*```(sh|python)\n(.*?)^```", re.M | re.S)


def recipes() -> dict[str, str]:
    """Commands of the page, as shell scripts, by the heading that they stand under."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return {
        title: f"python - <<'END'\n{text}END\n" if language == "python" else text
        for title, language, text in blocks
    }


def copy(folder: Path, *names: str) -> None:
    """Copy what a fresh clone of the working tree would hold of some files and folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *names],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


@dataclass(frozen=True)
class Shell:
    """A person's shell: no settings of this machine, the page's names stand for made places.

    Attributes
    ----------
    home
        Folder for settings and temporary files.
    places
        What stands for the names that the page uses.
    keys
        Whether the environment has the keys of the S3 server, as the page says.
    """

    home: Path
    places: Mapping[str, str]
    keys: bool = False

    def recipe(self, folder: Path, title: str) -> str:
        """Run the commands under a heading; returns what they print."""
        return self.run(folder, recipes()[title])

    def run(self, folder: Path, script: str) -> str:
        """Run a script in a folder; it has to succeed."""
        if self.keys:
            script = recipes()["Keys in the environment"] + script
        for name, place in self.places.items():
            script = script.replace(name, place)
        ran = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=folder,
            env=self._environment(),
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def _environment(self) -> dict[str, str]:
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(self.home),
            "TMPDIR": str(temporary),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.home / "dvc-site"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.home / "dvc-system"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "INKBENCH_TRACKING": "off",
        }
