"""Raw archives: local copy → mirror → official hosts → synthetic data; verified, then put in place.

``data/raw/D`` ends up with the archives and ``provenance.json``, which says where they came from.
It holds no time and no local path, so that two machines that fetched the same data have the same
bytes.
"""

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import data_source, datasets, disk, layout, records
from inkbench.data_source import SYNTHETIC
from inkbench.datasets.fetching import by_hand, transfer
from inkbench.datasets.fetching.transfer import Unavailable
from inkbench.datasets.reading import archives, provenance
from inkbench.datasets.specs import KAGGLE, Archive, Edition, Spec
from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    from inkbench.params import Data

MIRROR = "INKBENCH_MIRROR"

File = dict[str, Any]  # an entry of provenance.json's ``files``

_SCRATCH = ".fetching"  # inside data/raw/D; the next run deletes what a killed one left there


def fetch(dataset: str, settings: "Data") -> dict[str, Any]:
    """Bring a dataset's archives to ``data/raw/D``, unless they are there and verified.

    Parameters
    ----------
    dataset
        Name of the dataset.
    settings
        ``data.<dataset>`` of ``params.yaml``: which subset, and whether synthetic data may take its
        place.

    Returns
    -------
    Content of ``provenance.json``: ``dataset``, ``source`` (``official``, ``mirror`` or
    ``synthetic``), ``files`` (``name``, ``url``, ``sha256``, ``bytes``, for archives
    ``content_digest``), ``licence``, ``citation``.

    Raises
    ------
    InkbenchError
        If no source gives the data and synthetic data is not allowed, does not exist or would
        replace what somebody put there, or the disk is full. The folder is then unchanged.
    """
    spec = datasets.spec(dataset)
    search = _Search(spec)
    acquired = None
    try:
        if settings.source == SYNTHETIC:
            search.refuse_to_replace()
        else:
            acquired = search.real(spec.editions[settings.subset])
            if acquired is None:
                if settings.source == "official" or spec.synthetic is None or search.foreign:
                    raise InkbenchError(search.summary())
                _warn(dataset)
        source, files = acquired or (SYNTHETIC, _generated(dataset, search.scratch))
        return _put_in_place(search, source, files)
    finally:
        shutil.rmtree(search.scratch, ignore_errors=True)


class _Search:
    """Looks for a dataset's archives, and remembers why a source failed.

    Attributes
    ----------
    folder, scratch
        ``data/raw/D``, and a folder in it for downloads.
    recorded
        Content of ``provenance.json``; without files if there is none.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.folder = layout.raw(spec.name)
        self.scratch = self.folder / _SCRATCH
        self.recorded = provenance.recorded(spec.name) or {"source": SYNTHETIC, "files": []}
        # What ``data/raw/D`` holds once it is filled; anything else there was put by hand.
        sets = (archives for editions in spec.editions.values() for archives in editions)
        self.known = {archive.name for archives in sets for archive in archives}
        self.known.add(layout.provenance("").name)
        self._failures: list[str] = []
        self._is_offline = False

    def real(self, editions: tuple[Edition, ...]) -> tuple[str, list[File]] | None:
        """Source and files of the first complete edition: local files, the mirror, official hosts.

        A file that is in place and verified is never fetched again.
        """
        kept = {archive: self._in_place(archive) for edition in editions for archive in edition}
        for source in ("local", *(["mirror"] if _mirror() else []), "official"):
            for edition in editions:
                disk.empty_folder(self.scratch)
                files: list[File] = []
                for archive in edition:
                    file = kept[archive] or self._fetched(archive, source)
                    if file is None:
                        break
                    files.append(file)
                else:
                    is_unchanged = all(file in self.recorded["files"] for file in files)
                    if source == "local":
                        source = self.recorded["source"] if is_unchanged else "official"
                    return source, files
            if source == "local":
                self._list_missing(editions, kept)
        return None

    def _list_missing(
        self, editions: tuple[Edition, ...], kept: dict[Archive, File | None]
    ) -> None:
        """Say what is missing in ``data/raw/D``, what is of no use, and what is expected there."""
        foreign = self.foreign
        for edition in editions:
            there = [archive.name for archive in edition if kept[archive]]
            missing = [a.name for a in edition if not kept[a] and a.name not in foreign]
            if there and missing:
                lack = f"{', '.join(missing)} missing beside {', '.join(there)}"
                self._fail(f"{self.folder}: {lack}")
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        unused = sorted(p.name for p in paths if p.name not in self.known and p.name[0] != ".")
        if unused:
            sets = (", ".join(archive.name for archive in edition) for edition in editions)
            expected = f"expected there: {'; or '.join(sets)}"
            self._fail(f"{self.folder}: cannot use {', '.join(unused)[:200]}; {expected}")

    def summary(self) -> str:
        """One line: everything that was tried, and what to do."""
        name = self.spec.name
        remedies = f"put it into {self.folder}, or set {MIRROR} to a folder or URL that has it"
        if self.spec.synthetic:
            allow = f"set data.{name}.source: auto in {layout.PARAMS}"
            if foreign := self.foreign:
                allow += f" and move {', '.join(foreign)} elsewhere"
            remedies += f"; for synthetic data, {allow}"
        return f"{name}: no source gave the real data: {'; '.join(self._failures)}; {remedies}"

    @functools.cached_property
    def foreign(self) -> list[str]:
        """Archives in ``data/raw/D`` that were put there by hand and never used."""
        ours = {(file["name"], file.get("sha256")) for file in self.recorded["files"]}
        paths = (self.folder / name for name in sorted(self.known))
        return [
            path.name
            for path in paths
            if path.is_file()
            and path.name != layout.provenance("").name
            and (path.name, provenance.checksum(path)) not in ours
        ]

    def refuse_to_replace(self) -> None:
        """Raise an error if synthetic data would replace archives that somebody put there."""
        if foreign := self.foreign:
            raise InkbenchError(
                f"{self.folder}: synthetic data would replace {', '.join(foreign)}; move that "
                f"elsewhere, or set data.{self.spec.name}.source: auto in {layout.PARAMS} to use it"
            )

    def _in_place(self, archive: Archive) -> File | None:
        """Description of an archive that is in ``data/raw/D`` already, if it is the real one.

        Raises
        ------
        InkbenchError
            If it changed since it was fetched, and no checksum says whether it is the real one.
        """
        path = self.folder / archive.name
        if not path.is_file():
            return None
        listed = [file for file in self.recorded["files"] if file["name"] == archive.name]
        is_real = data_source.of(self.recorded) == data_source.REAL
        is_unchanged = listed and listed[0].get("sha256") == provenance.checksum(path)
        if is_unchanged and is_real:
            return listed[0]
        if listed and not archive.is_pinned:
            if is_unchanged:
                return None  # synthetic
            raise InkbenchError(
                f"{path} changed since it was fetched, and has no known checksum; delete it to "
                f"fetch it again, or delete {layout.provenance(self.spec.name)} to accept it"
            )
        try:
            file = _verified(archive, path, archive.urls[0])
        except Unavailable as error:
            (self._failures.append if is_unchanged else self._fail)(f"{path}: {error}")
            return None
        print(f"{self.spec.name}: {path}, verified")
        return file

    def _packed(self, archive: Archive) -> File | None:
        """Pack an archive from files that were put into ``data/raw/D`` in another form."""
        if not archive.content_digest or not self.folder.is_dir():
            return None
        target = self.scratch / archive.name
        try:
            if not by_hand.pack(archive, self.folder, self.known, target):
                return None
            file = _verified(archive, target, archive.urls[0])
        except (Unavailable, *archives.DAMAGE) as error:
            self._fail(f"{self.folder}: {archive.name}, packed from what is there: {error}")
            return None
        print(f"{self.spec.name}: {archive.name} from files in {self.folder}, verified")
        return file

    def _fail(self, failure: str) -> None:
        self._failures.append(failure)
        print(f"inkbench: {self.spec.name}: {failure}", file=sys.stderr)

    def _fetched(self, archive: Archive, source: str) -> File | None:
        """Download an archive; its description, or None if no address of the source has it."""
        if source == "local":
            return self._packed(archive)
        mirrored = f"{self.spec.name}/{archive.name}"
        places = {
            "mirror": [(f"{_mirror()}/{mirrored}", f"mirror:{mirrored}")],
            "official": [(url, url) for url in archive.urls],
        }
        for address, label in places[source]:
            if self._is_offline and transfer.is_url(address):
                continue
            target = self.scratch / archive.name
            try:
                transfer.get(address, target, archive.limit)
                file = _verified(archive, target, label)
            except Unavailable as error:
                self._is_offline |= error.is_offline
                file_name = f" {archive.name}" if address.startswith(KAGGLE) else ""
                self._fail(f"{transfer.public(address)}{file_name}: {error}")
            else:
                print(f"{self.spec.name}: {archive.name} from {label}, verified")
                return file
        return None


def _mirror() -> str:
    return os.environ.get(MIRROR, "").rstrip("/")


def _warn(dataset: str) -> None:
    for line in (
        f"{dataset}: NO SOURCE GAVE THE REAL DATA; generating synthetic data instead.",
        f"{dataset}: its metrics say nothing about the real data. To fetch the real data later:",
        f"{dataset}:   dvc repro --force --single-item download@{dataset} && make repro",
    ):
        print(f"inkbench: WARNING: {line}", file=sys.stderr)


def _generated(dataset: str, scratch: Path) -> list[File]:
    from inkbench.datasets.synthetic import generate

    disk.empty_folder(scratch)
    generate.write(dataset, scratch)
    label = "generated:inkbench.datasets.synthetic"
    return [_described(path, label) for path in sorted(scratch.iterdir())]


def _verified(archive: Archive, path: Path, label: str) -> File:
    """Description of an archive; `Unavailable` if a checksum is wrong or the archive is damaged."""
    for kind, expected in (("sha256", archive.sha256), ("md5", archive.md5)):
        if expected and (actual := provenance.checksum(path, kind)) != expected:
            raise Unavailable(f"wrong checksum: {kind} {actual}, expected {expected}")
    try:
        file = _described(path, label)
    except archives.ArchiveError as error:
        raise Unavailable(error.reason) from None
    digest = archive.content_digest
    if digest and file.get("content_digest") != digest:
        raise Unavailable(f"wrong content: digest {file.get('content_digest')}, expected {digest}")
    return file


def _described(path: Path, label: str) -> File:
    file: File = {
        "name": path.name,
        "url": label,
        "sha256": provenance.checksum(path),
        "bytes": path.stat().st_size,
    }
    if path.name.endswith((".zip", ".tar.gz")):
        file["content_digest"] = archives.content_digest(path)
    return file


def _put_in_place(search: _Search, source: str, files: list[File]) -> dict[str, Any]:
    """Move downloads into ``data/raw/D``; delete replaced archives.

    ``provenance.json`` comes last, but first for synthetic data: archives that it does not list
    are somebody's.
    """
    is_synthetic = source == SYNTHETIC
    described = {
        "dataset": search.spec.name,
        "source": source,
        "files": files,
        "licence": "as this project's" if is_synthetic else search.spec.licence,
        "citation": "" if is_synthetic else search.spec.citation,
    }
    replaced = {file["name"] for file in search.recorded["files"]}
    replaced -= {file["name"] for file in files}
    written = search.scratch / layout.provenance("").name
    with disk.writing(search.folder):
        records.write_json(written, described)
        downloads = [path for path in sorted(search.scratch.iterdir()) if path != written]
        for path in [written, *downloads] if is_synthetic else [*downloads, written]:
            os.replace(path, search.folder / path.name)
        for path in search.folder.iterdir():
            if path.name in replaced:
                path.unlink()
    return described
