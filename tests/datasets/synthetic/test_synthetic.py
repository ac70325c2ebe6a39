import hashlib
import os
import subprocess
import sys

import pytest

from inkbench.datasets.synthetic import packing

SMALL = """
import sys
from pathlib import Path
from inkbench.datasets.synthetic import digits, fonts, letters, pages
folder = Path(sys.argv[1])
every, fonts.LETTERS = fonts.LETTERS, "AI"
letters.write(folder, 115)
fonts.LETTERS = every
digits.write(folder, {"train": 60, "test": 30})
pages.write(folder, (258,), sheets=1)
"""


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.slow
def test_write_gives_the_same_bytes_in_another_process(tmp_path):
    processes = []
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"}
        command = [sys.executable, "-c", SMALL, tmp_path / seed]
        processes.append(subprocess.Popen(command, env=environment))
    assert [process.wait() for process in processes] == [0, 0]
    assert len(digests(tmp_path / "1")) == 8
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_write_zip_keeps_the_old_archive_after_an_error(tmp_path):
    path = tmp_path / "pages.zip"
    packing.write_zip(path, {"a.png": b"old"})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        packing.write_zip(path, {"a.png": b"new", "b.png": None})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
