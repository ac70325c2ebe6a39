"""What data is called wherever it shows: in cards, metrics, tags and figures."""

from collections.abc import Mapping
from typing import Any

REAL = "real"
STAND_IN = "stand-in"  # drawn by `inkbench.datasets.standin`


def of(provenance: Mapping[str, Any]) -> str:
    """Say what came of fetching: a mirror, the official hosts and a person's hand are all real."""
    return STAND_IN if provenance["source"] == STAND_IN else REAL
