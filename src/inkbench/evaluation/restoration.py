"""Restorers: how close a cleaned page is to the clean one.

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

_COLUMNS = (
    "name",
    "noise",
    "height",
    "rmse",
    "psnr",
    "ssim",
    "untouched_rmse",
    "background_rmse",
)


@dataclass(frozen=True)
class Restored:
    """A page and what became of it.

    Attributes
    ----------
    page
        Noisy and clean page, uint8.
    clean, output, untouched, flattened
        float32 ``[h, w]`` in [0, 1]: the target, the restorer's output, the noisy page as it is,
        and the median-background baseline (`without_background`).
    """

    page: Page
    clean: np.ndarray
    output: np.ndarray
    untouched: np.ndarray
    flattened: np.ndarray

    @classmethod
    def by(cls, restore: Callable[[np.ndarray], np.ndarray], page: Page) -> "Restored":
        """Restore one page (uint8 ``[h, w]`` → float32 ``[h, w]``)."""
        assert page.clean is not None, page.name
        clean, untouched = (image / np.float32(255) for image in (page.clean, page.noisy))
        return cls(page, clean, restore(page.noisy), untouched, without_background(page.noisy))

    @cached_property
    def rmse(self) -> float:
        """Root mean squared error of this page."""
        return pooled_rmse([self.clean], [self.output])

    @cached_property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of this page in dB, at most 100."""
        return fidelity.psnr(*self._pair)

    @cached_property
    def ssim(self) -> float:
        """Structural similarity of this page (Wang et al., 2004; uniform 7 × 7 window)."""
        return fidelity.ssim(*self._pair)

    @property
    def _pair(self) -> tuple[np.ndarray, np.ndarray]:
        return self.clean[None].astype(np.float64), self.output[None].astype(np.float64)


def pooled_rmse(targets: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> float:
    """Root mean squared error over the pixels of all pages together, as Kaggle scores them.

    A large page counts for more than a small one; the mean of the pages' own errors differs.
    """
    errors = [
        np.square(target - output, dtype=np.float64)
        for target, output in zip(targets, outputs, strict=True)
    ]
    return float(np.sqrt(sum(e.sum() for e in errors) / sum(e.size for e in errors)))


def mlebench_rmse(targets: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> float:
    """Error as MLE-bench's grader works it out: over one table of all pixel values.

    Chan et al., *MLE-bench* (2024), competition ``denoising-dirty-documents``.
    """
    from sklearn.metrics import root_mean_squared_error

    answers, submission = (
        np.concatenate([page.ravel() for page in pages]) for pages in (targets, outputs)
    )
    return float(root_mean_squared_error(answers, submission))


def scores(pages: Sequence[Restored]) -> dict[str, float]:
    """All metrics of a restorer, split by noise kind and page height too."""
    clean = [page.clean for page in pages]
    found = {
        "background_rmse": pooled_rmse(clean, [page.flattened for page in pages]),
        "test_psnr": float(np.mean([page.psnr for page in pages])),
        "test_rmse": pooled_rmse(clean, [page.output for page in pages]),
        "test_ssim": float(np.mean([page.ssim for page in pages])),
        "untouched_rmse": pooled_rmse(clean, [page.untouched for page in pages]),
    }
    kinds = {page.page.noise for page in pages} | {len(page.clean) for page in pages}
    for kind in kinds:
        alike = [page for page in pages if kind in (page.page.noise, len(page.clean))]
        found[f"test_rmse_{kind}"] = pooled_rmse(
            [page.clean for page in alike], [page.output for page in alike]
        )
    return found


def per_page(pages: Sequence[Restored]) -> Table:
    """One row a page."""
    rows: list[list[object]] = []
    for page in pages:
        baselines = [pooled_rmse([page.clean], [b]) for b in (page.untouched, page.flattened)]
        facts = [page.page.name, page.page.noise, len(page.clean)]
        rows.append([*facts, page.rmse, page.psnr, page.ssim, *baselines])
    return Table(_COLUMNS, rows)


def chosen(pages: Sequence[Restored]) -> dict[str, np.ndarray]:
    """Arrays of ``pages.npz``: best, median and worst page, and a typical one of each noise."""
    ranked = sorted(pages, key=lambda page: page.rmse)
    roles = {id(ranked[-1]): "worst", id(ranked[0]): "best"}
    roles.setdefault(id(ranked[len(ranked) // 2]), "median")
    for kind in sorted({page.page.noise for page in pages}):
        alike = [page for page in ranked if page.page.noise == kind]
        roles.setdefault(id(alike[len(alike) // 2]), "typical")
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
