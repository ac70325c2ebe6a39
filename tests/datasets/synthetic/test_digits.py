import gzip
import struct

import numpy as np
import pytest

from inkbench.datasets.synthetic import digits

COUNTS = {"train": 900, "test": 300}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    digits.write(folder, COUNTS)
    return {path.name: gzip.decompress(path.read_bytes()) for path in folder.iterdir()}


def images(files, part):
    content = np.frombuffer(files[digits.FILES[part][0]], np.uint8, offset=16)
    return content.reshape(-1, 28, 28)


def labels(files, part):
    return np.frombuffer(files[digits.FILES[part][1]], np.uint8, offset=8)


@pytest.mark.parametrize(("part", "count"), COUNTS.items())
def test_write_gives_official_names_and_headers(files, part, count):
    image_file, label_file = (files[name] for name in digits.FILES[part])
    assert len(files) == 4
    assert struct.unpack(">4I", image_file[:16]) == (2051, count, 28, 28)
    assert struct.unpack(">2I", label_file[:8]) == (2049, count)


def test_split_puts_every_source_digit_in_one_part():
    parts = digits.split()
    assert not set(parts["train"]) & set(parts["test"])
    assert len(parts["train"]) + len(parts["test"]) == 1797


def test_write_gives_distinct_balanced_images(files):
    train, test = ({image.tobytes() for image in images(files, part)} for part in COUNTS)
    assert len(train) == COUNTS["train"] and not train & test
    counts = np.bincount(labels(files, "train"), minlength=10)
    assert counts.min() > 0.7 * counts.max()


def test_digits_fit_mnists_box_and_are_centred_by_mass(files):
    ink = images(files, "train").astype(float)
    inked = ink > 64
    heights, widths = inked.any(2).sum(1), inked.any(1).sum(1)
    assert np.maximum(heights, widths).max() <= 21  # 20, and its blurred edge
    mass = ink.sum((1, 2))
    position = np.arange(28) - 13.5
    assert np.abs((ink.sum(2) @ position) / mass).max() < 1
    assert np.abs((ink.sum(1) @ position) / mass).max() < 1


def test_labels_fit_the_images(files):
    train, test = (images(files, part).reshape(-1, 784).astype(float) for part in COUNTS)
    squared = (train**2).sum(1) - 2 * test @ train.T
    nearest = labels(files, "train")[squared.argmin(1)]
    assert (nearest == labels(files, "test")).mean() > 0.9
