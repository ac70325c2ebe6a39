"""What all of it is about, in one picture."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, pages, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def results(
    page: pages.Result,
    letters: np.ndarray,
    rebuilt: np.ndarray,
    labels: np.ndarray,
    classes: style.Names,
    digits: np.ndarray,
) -> "Figure":
    """A page before and after; letters above their reconstructions; generated digits.

    Parameters
    ----------
    page
        A restored test page.
    letters, rebuilt
        ``[n, h, w]`` originals (uint8) and reconstructions (float, [0, 1]).
    labels, classes
        ``[n]`` classes of the letters; names by label.
    digits
        float ``[m, h, w]``, decoded from random codes.
    """
    figure = style.canvas(13, 7.0, "Dirty pages cleaned, letters rebuilt, digits drawn")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.15, 1])[:, 0]
    for axes, image, name in zip(
        above.subplots(1, 2), (page.noisy, page.restored), ("a test page", "cleaned"), strict=True
    ):
        pages.show_window(axes, image, pages.dirtiest(page, 170, 330), (170, 330))
        axes.set_title(name)
    left, right = below.subplots(1, 2)
    rows = images.by_class(labels, len(classes), 2)
    pairs = [images.pick(source, row) for row in rows for source in (letters, rebuilt)]
    images.show_mosaic(left, np.stack(pairs))
    left.set_title("test letters, and rebuilt from their codes below")
    images.show_mosaic(right, images.unit(digits[:40].reshape(-1, 10, *digits.shape[1:])))
    right.set_title("digits nobody wrote")
    return figure
