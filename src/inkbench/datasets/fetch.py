"""Raw archives: mirror → official hosts → synthetic data, verified before they take their place.

``data/raw/D`` ends up with the archives and ``provenance.json``, which says where they came from.
It holds no time and no local path, so two machines that fetched the same data have the same bytes.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from inkbench import disk, layout, records
from inkbench.data_source import SYNTHETIC
from inkbench.datasets import archives, catalogue, kaggle, transfer
from inkbench.datasets.catalogue import Archive
from inkbench.datasets.transfer import Unavailable
from inkbench.errors import InkbenchError
from inkbench.params import Data

MIRROR = "INKBENCH_MIRROR"

Edition = tuple[Archive, ...]
File = dict[str, Any]  # an entry of provenance.json's ``files``

_SCRATCH = ".fetching"  # inside data/raw/D: what a killed run leaves is swept up by the next


def fetch(dataset: str, settings: Data) -> dict[str, Any]:
    """Bring a dataset's archives to ``data/raw/D``, unless they are there and verify.

    Parameters
    ----------
    dataset
        ``notmnist``, ``mnist`` or ``documents``.
    settings
        ``data.<dataset>`` of ``params.yaml``: which subset, and whether synthetic data may take its
        place.

    Returns
    -------
    What ``provenance.json`` says: ``dataset``, ``source`` (``official``, ``mirror`` or
    ``synthetic``), ``files`` (``name``, ``url``, ``sha256``, ``bytes``, for archives
    ``content_digest``), ``licence``, ``citation``.

    Raises
    ------
    InkbenchError
        If no source gives the data and ``settings.source`` forbids synthetic data, or the disk is
        full. What was in the folder is then untouched.
    """
    folder = layout.raw(dataset)
    editions = catalogue.editions(dataset, settings.subset)
    scratch = folder / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    asked_for_stand_in = settings.source == SYNTHETIC
    if not asked_for_stand_in and (kept := _already_there(dataset, folder, editions)):
        return kept
    try:
        search = _Search(dataset, scratch)
        source, files = ("", []) if asked_for_stand_in else search.real(editions)
        if not files:
            if settings.source == "official":
                raise InkbenchError(search.summary())
            if not asked_for_stand_in:
                _warn_of_stand_in(dataset)
            source, files = SYNTHETIC, _stand_in(dataset, scratch)
        provenance = _provenance(dataset, source, files)
        _put_in_place(folder, scratch, provenance)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return provenance


def load_provenance(dataset: str) -> dict[str, Any]:
    """Read ``provenance.json`` and check that the archives are the ones it speaks of.

    Raises
    ------
    InkbenchError
        If it or an archive is missing or changed.
    """
    remedy = f"dvc repro --force --single-item download@{dataset}"
    provenance = _recorded(layout.raw(dataset))
    if provenance is None:
        raise InkbenchError(f"{layout.provenance(dataset)} not found; fetch the data: {remedy}")
    for file in provenance["files"]:
        path = layout.raw(dataset) / file["name"]
        if not path.is_file():
            raise InkbenchError(f"{path} is missing; fetch it again: {remedy}")
        if _hash(path, "sha256") != file["sha256"]:
            raise InkbenchError(f"{path} is not the file that was fetched; get it again: {remedy}")
    return provenance


def _already_there(
    dataset: str, folder: Path, editions: tuple[Edition, ...]
) -> dict[str, Any] | None:
    """Provenance of real archives that are in place, whoever put them there."""
    recorded = _recorded(folder)
    for edition in editions:
        paths = [folder / archive.name for archive in edition]
        if not all(path.is_file() for path in paths):
            continue
        if recorded and recorded["source"] != SYNTHETIC and _matches(recorded, paths):
            return recorded
        if not all(_may_be_real(archive, recorded) for archive in edition):
            continue
        try:
            files = [_verified(a, p, a.urls[0]) for a, p in zip(edition, paths, strict=True)]
        except Unavailable:
            continue
        provenance = _provenance(dataset, "official", files)
        disk.empty_folder(folder / _SCRATCH)
        _put_in_place(folder, folder / _SCRATCH, provenance)
        return provenance
    return None


def _may_be_real(archive: Archive, recorded: dict[str, Any] | None) -> bool:
    """Whether an archive in place deserves a check: not one that was made, or changed since."""
    listed = {file["name"] for file in recorded["files"]} if recorded else set()
    return archive.pinned or archive.name not in listed


def _matches(recorded: dict[str, Any], paths: list[Path]) -> bool:
    known = {file["name"]: file["sha256"] for file in recorded["files"]}
    return known == {path.name: _hash(path, "sha256") for path in paths}


class _Search:
    """Try the places that may have a dataset, and remember why each did not."""

    def __init__(self, dataset: str, scratch: Path) -> None:
        self._dataset, self._scratch = dataset, scratch
        self._recorded = _recorded(layout.raw(dataset))
        self._failures: list[str] = []
        self._offline = False

    def real(self, editions: tuple[Edition, ...]) -> tuple[str, list[File]]:
        """First edition that a source gives whole; the mirror first, if one is set."""
        for source in ["mirror"] * bool(_mirror()) + ["official"]:
            for edition in editions:
                disk.empty_folder(self._scratch)
                files = []
                for archive in edition:
                    file = self._archive(archive, self._places(archive, source))
                    if file is None:
                        break  # without it the edition's other archives are of no use
                    files.append(file)
                else:
                    return source, files
        return "", []

    def summary(self) -> str:
        """One line: everything that was tried, and the ways out."""
        return (
            f"{self._dataset}: no source gave the real data: {'; '.join(self._failures)}. "
            f"Set {MIRROR} to a folder or URL that has it, put its archives into "
            f"{layout.raw(self._dataset)}, or allow synthetic data "
            f"(data.{self._dataset}.source: auto in params.yaml)"
        )

    def _places(self, archive: Archive, source: str) -> list[tuple[str, str]]:
        """Where to look for an archive: (path or URL, what provenance calls it)."""
        places = []
        local = layout.raw(self._dataset) / archive.name
        if local.is_file() and _may_be_real(archive, self._recorded):  # or put there by hand
            files = self._recorded["files"] if self._recorded else []
            labels = {file["name"]: file["url"] for file in files}
            places.append((str(local), labels.get(archive.name, archive.urls[0])))
        if source == "mirror":
            name = f"{self._dataset}/{archive.name}"
            return [*places, (f"{_mirror()}/{name}", f"mirror:{name}")]
        return places + [(url, url) for url in archive.urls]

    def _archive(self, archive: Archive, places: list[tuple[str, str]]) -> File | None:
        for place, label in places:
            if self._offline and transfer.is_url(place):
                continue
            try:
                target = self._scratch / archive.name
                if place == catalogue.KAGGLE:
                    kaggle.download(archive.name, self._scratch)
                else:
                    transfer.get(place, target, archive.limit)
                file = _verified(archive, target, label)
            except Unavailable as error:
                self._offline |= error.offline
                what = archive.name if place == catalogue.KAGGLE else ""
                self._failures.append(f"{transfer.shown(place)} {what}".rstrip() + f": {error}")
                print(f"inkbench: {self._dataset}: {self._failures[-1]}", file=sys.stderr)
            else:
                print(f"{self._dataset}: {archive.name} from {label}, verified")
                return file
        return None


def _mirror() -> str:
    return os.environ.get(MIRROR, "").rstrip("/")


def _warn_of_stand_in(dataset: str) -> None:
    for line in (
        f"{dataset}: NO SOURCE GAVE THE REAL DATA; going on with synthetic data made here.",
        f"{dataset}: its figures say nothing about the real data. To fetch the real data later:",
        f"{dataset}:   dvc repro --force --single-item download@{dataset} && make repro",
    ):
        print(f"inkbench: WARNING: {line}", file=sys.stderr)


def _stand_in(dataset: str, scratch: Path) -> list[File]:
    from inkbench.datasets import synthetic

    disk.empty_folder(scratch)
    synthetic.write(dataset, scratch)
    generated = "generated:inkbench.datasets.synthetic"
    return [_described(path, generated) for path in sorted(scratch.iterdir())]


def _verified(archive: Archive, path: Path, label: str) -> File:
    """Description of an archive, once it has proved to be the real one."""
    for kind, pinned in (("sha256", archive.sha256), ("md5", archive.md5)):
        if pinned and (found := _hash(path, kind)) != pinned:
            raise Unavailable(f"wrong checksum: {kind} {found}, expected {pinned}")
    try:
        file = _described(path, label)
    except archives.ArchiveError as error:
        raise Unavailable(error.why) from None
    digest = archive.content_digest
    if digest and file.get("content_digest") != digest:
        raise Unavailable(f"wrong content: digest {file.get('content_digest')}, expected {digest}")
    return file


def _described(path: Path, label: str) -> File:
    file: File = {
        "name": path.name,
        "url": label,
        "sha256": _hash(path, "sha256"),
        "bytes": path.stat().st_size,
    }
    if path.name.endswith((".zip", ".tar.gz")):
        file["content_digest"] = archives.content_digest(path)
    return file


def _provenance(dataset: str, source: str, files: list[File]) -> dict[str, Any]:
    origin = catalogue.ORIGINS[dataset]
    made = source == SYNTHETIC
    return {
        "dataset": dataset,
        "source": source,
        "files": files,
        "licence": "as this project's" if made else origin.licence,
        "citation": "" if made else origin.citation,
    }


def _put_in_place(folder: Path, scratch: Path, provenance: dict[str, Any]) -> None:
    """Move verified archives in, their description last; sweep out those fetched before them."""
    names = {file["name"] for file in provenance["files"]}
    before = {file["name"] for file in (_recorded(folder) or {"files": []})["files"]}
    with disk.writing(folder):
        written = scratch / layout.provenance("").name
        records.write_json(written, provenance)
        for path in sorted(scratch.iterdir(), key=lambda path: path == written):
            os.replace(path, folder / path.name)
        for path in folder.iterdir():
            if path.name in before - names:
                path.unlink()
        scratch.rmdir()


def _recorded(folder: Path) -> dict[str, Any] | None:
    try:
        provenance: dict[str, Any] = json.loads(layout.provenance(folder.name).read_text("utf-8"))
        return provenance if provenance["files"] and provenance["source"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _hash(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
