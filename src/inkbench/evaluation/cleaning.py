"""Cleaners of scans: drawn test scans, of kinds and papers that training does not have."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from inkbench.datasets.common.background import envelope
from inkbench.datasets.synthetic import scans

_SCANS = 48
_INK = 0.15  # darkness of a pixel of the clean page that is ink


def drawn_scores(clean: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """Metrics of a cleaner on drawn scans of the part ``test``.

    ``test_drawn_rmse`` is the RMSE of all pixels in [0, 1], ``drawn_noisy_rmse`` that of the scans
    as they are, ``drawn_background_rmse`` that of scans divided by their envelope;
    ``test_drawn_ink_lost`` the share of ink that has less than half of its darkness left.

    Parameters
    ----------
    clean
        uint8 ``[h, w, 3]`` → float32 ``[h, w, 3]`` in [0, 1].
    """
    errors: dict[str, list[float]] = {"test": [], "noisy": [], "background": []}
    lost = ink = 0
    for number in tqdm(range(_SCANS), "cleaning", unit="scan", delay=2, leave=False, disable=None):
        drawn = scans.draw("test", number)
        target = drawn.clean / np.float32(255)
        divided = drawn.scan / np.maximum(envelope(drawn.scan), 1).astype(np.float32)
        output = clean(drawn.scan)
        for name, page in (
            ("test", output),
            ("noisy", drawn.scan / np.float32(255)),
            ("background", np.minimum(divided, 1)),
        ):
            errors[name].append(float(np.mean(np.square(page - target, dtype=np.float64))))
        dark, left = (1 - page.mean(-1) for page in (target, output))
        ink += int((dark > _INK).sum())
        lost += int((left[dark > _INK] < dark[dark > _INK] / 2).sum())
    rmse = {name: float(np.sqrt(np.mean(values))) for name, values in errors.items()}
    return {
        "drawn_background_rmse": rmse["background"],
        "drawn_noisy_rmse": rmse["noisy"],
        "test_drawn_ink_lost": lost / ink,
        "test_drawn_rmse": rmse["test"],
    }
