"""Notice where cleaning would harm a page, and leave those parts as they were."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Findings:
    """What was left as it was on a page: numbers of areas."""

    pictures: int = 0
    regions: int = 0
    passed: bool = False  # the whole page


def checked(small: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, Findings]:
    return ground, Findings()
