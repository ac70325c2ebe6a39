"""What every ``dataset.json`` says in the same way, and how much rubbish a dataset may hold."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from inkbench import data_source
from inkbench.errors import InkbenchError

MOST_SKIPPED = 0.01  # of all files

Skipped = list[dict[str, str]]


def card(dataset: str, provenance: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Content of ``dataset.json``: where the data came from, and ``facts`` about it."""
    return {
        "dataset": dataset,
        "data_source": data_source.of(provenance),
        "content_digest": _digest(provenance["files"]),
        "licence": provenance["licence"],
        **facts,
    }


def refuse_if_many(path: Path, skipped: Skipped, total: int) -> None:
    """`InkbenchError` if more than 1 % of an archive's files are unusable."""
    if len(skipped) > MOST_SKIPPED * total:
        first = skipped[0]
        raise InkbenchError(
            f"{path}: {len(skipped):,} of {total:,} images are unusable (at most "
            f"{MOST_SKIPPED:.0%} may be), the first is {first['file']} ({first['reason']}); "
            "delete the archive and fetch it again"
        )


def class_counts(labels: np.ndarray, classes: list[str]) -> dict[str, int]:
    """Images per class and in all."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return {**dict(zip(classes, counts, strict=True)), "total": len(labels)}


def _digest(files: list[dict[str, Any]]) -> str:
    """Of one archive its own content digest, of several a digest over theirs."""
    digests = {file["name"]: file.get("content_digest", file["sha256"]) for file in files}
    if len(digests) == 1:
        return str(*digests.values())
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
