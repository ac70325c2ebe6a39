"""Read the commands of docs/sharing.md and run them in temporary repositories."""

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

# Placeholders of the page.
GIT = "https://example.org/our/inkbench"
FOLDER = "/srv/inkbench"
BUCKET = "s3://our-bucket/inkbench"
ENDPOINT = "https://s3.example.org"
KEY, SECRET = "our-key", "our-secret"

_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")  # no keys, remotes or proxies of this machine
_BLOCK = re.compile(r"^### ([^\n]+)\n(?:(?!#|```)[^\n]*\n)*```(sh|python)\n(.*?)^```", re.M | re.S)


def recipes() -> dict[str, str]:
    """The code blocks of the page as shell scripts, by heading."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return {
        title: f"python - <<'END'\n{text}END\n" if language == "python" else text
        for title, language, text in blocks
    }


def copy(folder: Path, *names: str) -> None:
    """Copy files and folders as a fresh clone of the working tree would hold them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *names]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


@dataclass(frozen=True)
class Shell:
    """Shell of a user, without this machine's settings."""

    home: Path  # for settings and temporary files
    values: Mapping[str, str]  # of the page's placeholders
    keys: bool = False  # whether to set the S3 keys in the environment, as the page describes

    def recipe(self, folder: Path, title: str) -> str:
        """Run the commands under a heading and return their output."""
        return self.run(folder, recipes()[title])

    def run(self, folder: Path, script: str) -> str:
        """Run a script that must succeed, and return its output."""
        if self.keys:
            script = recipes()["Keys in the environment"] + script
        for placeholder, value in self.values.items():
            script = script.replace(placeholder, value)
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=folder,
            env=self._environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        (self.home / "tmp").mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
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
