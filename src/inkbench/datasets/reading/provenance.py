"""``provenance.json``: where the raw archives of a dataset came from."""

import hashlib
import json
from pathlib import Path
from typing import Any

from inkbench import layout
from inkbench.errors import InkbenchError


def load(dataset: str) -> dict[str, Any]:
    """Read ``provenance.json`` and check that the archives are the ones that it lists.

    Raises
    ------
    InkbenchError
        If it or an archive is missing or changed.
    """
    remedy = f"dvc repro --force --single-item download@{dataset}"
    provenance = recorded(dataset)
    if provenance is None:
        raise InkbenchError(f"{layout.provenance(dataset)} not found; fetch the data: {remedy}")
    for file in provenance["files"]:
        path = layout.raw(dataset) / file["name"]
        if not path.is_file():
            raise InkbenchError(f"{path} is missing; fetch it again: {remedy}")
        if checksum(path) != file["sha256"]:
            raise InkbenchError(f"{path} changed since it was fetched; fetch it again: {remedy}")
    return provenance


def recorded(dataset: str) -> dict[str, Any] | None:
    """Content of ``provenance.json``; None if it is missing or damaged."""
    try:
        provenance = json.loads(layout.provenance(dataset).read_text("utf-8"))
        return provenance if provenance["files"] and provenance["source"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checksum(path: Path, kind: str = "sha256") -> str:
    """Checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
