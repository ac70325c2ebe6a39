"""Restorers: how close a restored page is to the clean one.

Pages are floats in [0, 1], 1 = white paper.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inkbench.datasets.common.background import without_background
from inkbench.datasets.common.store import Page
from inkbench.evaluation import fidelity
from inkbench.evaluation.results import Table


@dataclass(frozen=True)
class Restored:
    """A test page and, as float32 ``[h, w]`` in [0, 1], its restoration and two baselines."""

    page: Page
    clean: np.ndarray
    output: np.ndarray
    noisy: np.ndarray
    divided: np.ndarray  # by its background, see `without_background`

    @classmethod
    def by(cls, restore: Callable[[np.ndarray], np.ndarray], page: Page) -> "Restored":
        """Restore one page (uint8 ``[h, w]`` → float32 ``[h, w]``)."""
        assert page.clean is not None, page.name
        clean, noisy = (fidelity.to_float(image) for image in (page.clean, page.noisy))
        return cls(page, clean, restore(page.noisy), noisy, without_background(page.noisy))

    @cached_property
    def rmse(self) -> float:
        """Root mean squared error."""
        return pooled_rmse([self.clean], [self.output])

    @cached_property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio, see `fidelity.psnr`."""
        return fidelity.psnr(*self._pair)

    @cached_property
    def ssim(self) -> float:
        """Structural similarity, see `fidelity.ssim`."""
        return fidelity.ssim(*self._pair)

    @property
    def _pair(self) -> tuple[np.ndarray, np.ndarray]:
        return self.clean[None].astype(np.float64), self.output[None].astype(np.float64)


def pooled_rmse(targets: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> float:
    """Root mean squared error over the pixels of all pages together, as Kaggle scores them.

    Large pages weigh more than small ones, unlike in a mean over the errors of the pages.
    """
    errors = [
        np.square(target - output, dtype=np.float64)
        for target, output in zip(targets, outputs, strict=True)
    ]
    return float(np.sqrt(sum(e.sum() for e in errors) / sum(e.size for e in errors)))


def mlebench_rmse(targets: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> float:
    """RMSE over one table of all pixel values, as MLE-bench's grader computes it.

    Chan et al., *MLE-bench* (2024), competition ``denoising-dirty-documents``.
    """
    from sklearn.metrics import root_mean_squared_error

    answers, submission = (
        np.concatenate([page.ravel() for page in pages]) for pages in (targets, outputs)
    )
    return float(root_mean_squared_error(answers, submission))


def scores(pages: Sequence[Restored]) -> dict[str, float]:
    """All metrics of a restorer, also by noise kind and by page height."""
    clean = [page.clean for page in pages]
    metrics = {
        "background_rmse": pooled_rmse(clean, [page.divided for page in pages]),
        "test_psnr": float(np.mean([page.psnr for page in pages])),
        "test_rmse": pooled_rmse(clean, [page.output for page in pages]),
        "test_ssim": float(np.mean([page.ssim for page in pages])),
        "noisy_rmse": pooled_rmse(clean, [page.noisy for page in pages]),
    }
    for subset in {page.page.noise for page in pages} | {len(page.clean) for page in pages}:
        members = [page for page in pages if subset in (page.page.noise, len(page.clean))]
        metrics[f"test_rmse_{subset}"] = pooled_rmse(
            [page.clean for page in members], [page.output for page in members]
        )
    return metrics


def per_page(pages: Sequence[Restored]) -> Table:
    """Contents of ``per_page.csv``."""
    rows = [
        {
            "name": page.page.name,
            "noise": page.page.noise,
            "height": len(page.clean),
            "rmse": page.rmse,
            "psnr": page.psnr,
            "ssim": page.ssim,
            "noisy_rmse": pooled_rmse([page.clean], [page.noisy]),
            "background_rmse": pooled_rmse([page.clean], [page.divided]),
        }
        for page in pages
    ]
    return Table(list(rows[0]), [list(row.values()) for row in rows])


def selected(pages: Sequence[Restored]) -> dict[str, np.ndarray]:
    """Arrays of ``pages.npz``: the best, median and worst page, and a typical one of each noise."""
    ranked = sorted(pages, key=lambda page: page.rmse)
    roles = {id(ranked[-1]): "worst", id(ranked[0]): "best"}
    roles.setdefault(id(ranked[len(ranked) // 2]), "median")
    for kind in sorted({page.page.noise for page in pages}):
        same_kind = [page for page in ranked if page.page.noise == kind]
        roles.setdefault(id(same_kind[len(same_kind) // 2]), "typical")
    shown = [page for page in ranked if id(page) in roles]
    arrays = {}
    for i, page in enumerate(shown):
        arrays[f"noisy_{i}"] = page.page.noisy
        for side, values in (("restored", page.output), ("clean", page.clean)):
            arrays[f"{side}_{i}"] = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return arrays | {
        "names": np.array([page.page.name for page in shown]),
        "noise": np.array([page.page.noise for page in shown]),
        "rmse": np.array([page.rmse for page in shown], np.float32),
        "role": np.array([roles[id(page)] for page in shown]),
    }
