"""The README's overview figure: restoration, reconstruction and generation."""

from typing import TYPE_CHECKING

import numpy as np

from inkbench.figures import images, pages, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.styled
def results(
    page: pages.Result,
    originals: np.ndarray,
    reconstructions: np.ndarray,
    labels: np.ndarray,
    classes: style.Names,
    generated: np.ndarray,
) -> "Figure":
    """Draw a restored page, reconstructed letters and digits decoded from prior samples."""
    title = "Document restoration, image reconstruction and generation"
    figure = style.canvas(13, 7.0, title)
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.15, 1])[:, 0]
    for axes, image, name in zip(
        top.subplots(1, 2),
        (page.noisy, page.restored),
        ("noisy test page", "restored"),
        strict=True,
    ):
        size = (170, 330)
        pages.show_window(axes, image, pages.noisiest_window(page, *size), size)
        axes.set_title(name)
    left, right = bottom.subplots(1, 2)
    rows = images.by_class(labels, len(classes), 2)
    pairs = [images.pick(source, row) for row in rows for source in (originals, reconstructions)]
    images.show_mosaic(left, np.stack(pairs))
    left.set_title("test letters, each above its reconstruction")
    images.show_mosaic(right, images.unit(generated[:40].reshape(-1, 10, *generated.shape[1:])))
    right.set_title("digits sampled from the prior of a variational autoencoder")
    return figure
