"""notMNIST_large: half a million images in little memory, its corrupt files and labels stated."""

import subprocess
import sys

import made_archives as made
import numpy as np
import pytest

from inkbench.datasets import notmnist
from inkbench.datasets.common import store

pytestmark = pytest.mark.usefixtures("workplace")
NAME = "notMNIST_large.tar.gz"
SIZE = 529_119  # files in the real one
PEAK = """
import resource
from inkbench.datasets import notmnist
from inkbench.params import Data
notmnist.preprocess(Data(source="official", subset="large", seed=0, valid=0.1, test=0.2))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def raw(number: int) -> None:
    made.lay("notmnist", {NAME: made.tar_gz(made.large_letters(number))})


def test_corrupt_files_are_skipped_and_label_noise_is_stated() -> None:
    raw(1000)
    card = notmnist.preprocess(made.settings("notmnist", subset="large"))
    assert len(card["skipped"]) == 5
    assert sum(card["counts"][part]["total"] for part in store.PARTS) == 995
    assert (card["subset"], card["label_noise"]) == ("large", 0.065)


def test_memory_at_full_size_stays_under_two_and_a_half_gigabytes() -> None:
    """Peak memory of processes for two sizes, and the straight line through them."""
    sizes = np.array([4_000, 24_000])
    peaks = []
    for size in sizes:
        raw(int(size))
        done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]) * 1024)
    slope, start = np.polyfit(sizes, peaks, 1)
    assert start + slope * SIZE < 2.5e9
    assert slope < 3 * 28 * 28  # bytes an image: not even three copies of it
