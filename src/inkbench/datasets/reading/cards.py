"""The keys that every ``dataset.json`` has, and the limit for unusable files."""

import hashlib
from pathlib import Path
from typing import Any

from inkbench import data_source
from inkbench.datasets.reading.png import Skipped
from inkbench.datasets.specs import Spec
from inkbench.errors import InkbenchError

MAX_SKIPPED = 0.01  # fraction of all files


def card(spec: Spec, provenance: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Content of ``dataset.json``: where the data came from, and ``facts`` about it."""
    return {
        "dataset": spec.name,
        "data_source": data_source.of(provenance),
        "content_digest": _digest(provenance["files"]),
        "licence": provenance["licence"],
        "classes": list(spec.classes),
        "image_shape": list(spec.image_shape or (None, None)),
        **facts,
    }


def refuse_if_many(path: Path, skipped: Skipped, total: int) -> None:
    """`InkbenchError` if more than 1 % of an archive's files are unusable."""
    if len(skipped) > MAX_SKIPPED * total:
        first = skipped[0]
        raise InkbenchError(
            f"{path}: {len(skipped):,} of {total:,} images are unusable (at most "
            f"{MAX_SKIPPED:.0%} may be), the first is {first['file']} ({first['reason']}); "
            "delete the archive and fetch it again"
        )


def _digest(files: list[dict[str, Any]]) -> str:
    """Content digest of a single archive; of several archives a digest over their digests."""
    digests = {file["name"]: file.get("content_digest", file["sha256"]) for file in files}
    if len(digests) == 1:
        return str(*digests.values())
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
