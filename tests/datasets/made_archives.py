"""Generated archives: sound ones in the official formats, and bad ones."""

import contextlib
import functools
import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from inkbench import layout
from inkbench.datasets.reading import archives
from inkbench.datasets.specs import Archive
from inkbench.params import Data

Files = dict[str, bytes]
CLASSES = "ABCDEFGHIJ"


def settings(dataset: str, **changed: object) -> Data:
    """A dataset's block of params.yaml."""
    blocks: dict[str, dict[str, object]] = {
        "notmnist": {"subset": "small", "valid": 0.1, "test": 0.2},
        "mnist": {"subset": "all", "valid": 0.1, "test": "official"},
        "documents": {"subset": "all", "valid": 0.14, "test": 0.25},
    }
    return Data.model_validate({"source": "official", "seed": 0, **blocks[dataset], **changed})


def lay(dataset: str, files: Files, source: str = "official") -> None:
    """Write archives as the download stage does, in place of any others."""
    folder = layout.raw(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        listed.append({"name": name, "url": "somewhere", "sha256": digest})
        with contextlib.suppress(archives.ArchiveError):
            listed[-1]["content_digest"] = archives.content_digest(folder / name)
    facts = {"dataset": dataset, "source": source, "files": listed, "licence": "none"}
    layout.provenance(dataset).write_text(json.dumps(facts))


def png(pixels: np.ndarray) -> bytes:
    """A PNG as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def random_image(seed: int, height: int = 28, width: int = 28) -> np.ndarray:
    """uint8 noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def letter_files(per_class: int, folder: str = "notMNIST_small") -> Files:
    """``per_class`` distinct images of each letter."""
    return {
        f"{folder}/{letter}/{number}.png": png(random_image(1000 * at + number))
        for at, letter in enumerate(CLASSES)
        for number in range(per_class)
    }


def tar_gz(files: Files, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """Pack files as `tarfile` does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tar_format, compresslevel=1) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_of(infos: Iterable[tarfile.TarInfo]) -> bytes:
    """Headers only, whatever they declare, each followed by one block of zeros."""
    blocks = b"".join(info.tobuf(tarfile.GNU_FORMAT) + bytes(512) for info in infos)
    return gzip.compress(blocks + bytes(1024))


def zipped(files: Files) -> bytes:
    """Pack files as `zipfile` does."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def idx(values: np.ndarray) -> bytes:
    """A gzipped IDX file of bytes."""
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.tobytes(), 1, mtime=0)


def digits(train: int = 200, test: int = 40) -> Files:
    """The four files of MNIST, smaller, with distinct images."""
    files = {}
    for prefix, number in (("train", train), ("t10k", test)):
        images = np.stack([random_image(len(prefix) * 100_000 + at) for at in range(number)])
        files[f"{prefix}-images-idx3-ubyte.gz"] = idx(images)
        files[f"{prefix}-labels-idx1-ubyte.gz"] = idx(np.arange(number, dtype=np.uint8) % 10)
    return files


def pages(blocks: int = 6, small: int = 2) -> dict[str, Files]:
    """Kaggle's three archives in miniature: blocks of twelve pages, the first ``small`` lower."""
    return {name: dict(files) for name, files in _pages(blocks, small).items()}


@functools.cache
def _pages(blocks: int, small: int) -> dict[str, Files]:
    members: dict[str, Files] = {"train": {}, "train_cleaned": {}, "test": {}}
    for number in range(1, 12 * blocks + 1):
        block, remainder = (number - 1) // 12, number % 3
        height = 20 if block < small else 30
        clean = png(random_image(10 * block + remainder, height, 24))
        noisy = png(random_image(10_000 + number, height, 24))
        if remainder == 1:
            members["test"][f"test/{number}.png"] = noisy
        else:
            members["train"][f"train/{number}.png"] = noisy
            members["train_cleaned"][f"train_cleaned/{number}.png"] = clean
    return members


def page_zips(members: dict[str, Files]) -> Files:
    """Archives of the pages from `pages`."""
    return {f"{name}.zip": zipped(files) for name, files in members.items()}


def archive(
    name: str, content: bytes, *urls: str, pin: str = "sha256", limit: int = 10**7
) -> Archive:
    """Description of a generated file, pinned by ``sha256``, ``content_digest`` or nothing."""
    pins = {}
    if pin == "sha256":
        pins["sha256"] = hashlib.sha256(content).hexdigest()
    elif pin == "content_digest":
        pins["content_digest"] = content_digest(content)
    return Archive(name, urls, limit, **pins)


def content_digest(content: bytes) -> str:
    """Content digest of an archive in memory."""
    path = Path("digest-of-this")
    path.write_bytes(content)
    digest = archives.content_digest(path)
    path.unlink()
    return digest


def png_of(rows: bytes, width: int = 28, height: int = 28) -> bytes:
    """A grey PNG file with these filtered rows, valid or not."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )


def large_letters(number: int) -> Files:
    """Distinct images, quick to generate, laid out like notMNIST_large; five are empty."""
    files = {}
    for at in range(number):
        rows = bytearray(29 * 28)
        rows[29:33] = b"\0" + at.to_bytes(3, "big")
        name = f"notMNIST_large/{CLASSES[at % 10]}/{at:030d}.png"
        files[name] = png_of(bytes(rows)) if at % (number // 5) != 1 else b""
    return files
