"""All figures of one variant, drawn from ``models/V`` and ``evaluations/V``.

The form of those files is in `inkbench.evaluation` and `inkbench.training`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inkbench import layout, records
from inkbench.errors import InkbenchError
from inkbench.figures import (
    architecture,
    classification,
    code,
    curves,
    generation,
    images,
    network,
    pages,
    style,
    weights,
)
from inkbench.figures.work import Work

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSS_NAMES = {
    "bce": "binary cross-entropy",
    "mse": "mean squared error",
    "bernoulli_nats": "negative ELBO in nats",
    "cross_entropy": "cross-entropy",
}


@dataclass(frozen=True)
class Plate:
    """A figure with its file name (without suffix) and description."""

    name: str
    alt: str
    figure: "Figure"


def draw(work: Work) -> Iterator[Plate]:
    """Draw the figures of a variant, one at a time."""
    task = work.variant.get("task")
    if task not in TASKS:
        raise InkbenchError(f"{layout.training_card(work.name)}: variant.task: {task!r} is unknown")
    for maker in TASKS[task]:
        yield from maker(work)


def write(work: Work, folder: Path) -> list[Path]:
    """Draw all figures of a variant into ``folder``.

    Returns
    -------
    list of Path
        The PNG files.
    """
    paths = []
    for plate in draw(work):
        paths.append(folder / f"{plate.name}.png")
        style.save(plate.figure, paths[-1], work.source, plate.alt)
    return paths


def _curves(work: Work) -> Iterator[Plate]:
    path = layout.history(work.name)
    rerun = records.rerun_command("train", work.name)
    history = records.numbers(path, rerun)
    for needed in ("epoch", "loss"):
        records.column(history, path, rerun, needed)
    loss = work.variant.get("loss", "")
    figure = curves.training(history, LOSS_NAMES.get(loss, loss), _steps(work))
    names = ", ".join(curves.metrics_of(history)).replace("_", " ")
    alt = f"Curves of {names} on training and validation data over {len(history['epoch'])} epochs."
    yield Plate("curves", alt, figure)


def _steps(work: Work) -> dict[float, str]:
    """Between which epochs a training goes over to its next step (see `inkbench.training`)."""
    pretrained = work.variant.get("pretrain_epochs", 0)
    if not pretrained:
        return {}
    return {pretrained + 0.5: "logistic regression", 2 * pretrained + 0.5: "fine-tuning"}


def _progress(work: Work) -> Iterator[Plate]:
    path = layout.snapshots(work.name)
    if work.variant["task"] == "classification" and not path.exists():
        return  # only those pretrained as autoencoders have any
    rerun = records.rerun_command("train", work.name)
    found = records.arrays(path, rerun)
    inputs, targets = records.take(found, path, rerun, "inputs", "targets")
    outputs = {
        int(name.removeprefix("outputs_")): values
        for name, values in found.items()
        if name.startswith("outputs_")
    }
    if not outputs:
        raise InkbenchError(f"{path} has no array 'outputs_<epoch>'; run `{rerun}`")
    figure = images.progress(inputs, targets, outputs, work.variant["task"] == "restoration")
    epochs = " and ".join(str(epoch) for epoch in sorted(outputs))
    alt = f"Rows of the same validation images as the network gave them after epoch {epochs}."
    yield Plate("progress", alt, figure)


def _reconstructions(work: Work) -> Iterator[Plate]:
    names = ("inputs", "targets", "reconstructions", "labels", "classes")
    figure = images.reconstructions(*work.arrays("samples.npz", *names))
    alt = "Test images of every class, each above the network's reconstruction of it."
    yield Plate("reconstructions", alt, figure)


def _denoising(work: Work) -> Iterator[Plate]:
    if not work.has("denoising.npz"):
        return
    clean, labels, kinds = work.arrays("denoising.npz", "clean", "labels", "kinds")
    pairs = {
        str(kind): work.arrays("denoising.npz", f"noisy_{kind}", f"restored_{kind}")
        for kind in kinds
    }
    alt = "Noisy, restored and clean test images and the remaining error, by kind of noise."
    yield Plate("denoising", alt, images.denoising(clean, labels, pairs))


def _generated(work: Work) -> Iterator[Plate]:
    if not work.has("generated.npz"):
        return
    drawn, frames, ends, classes, grid, axis, kl, active = work.arrays(
        "generated.npz",
        "samples",
        "interpolations",
        "interpolation_labels",
        "classes",
        "manifold",
        "manifold_axis",
        "kl_per_unit",
        "active_units",
    )
    alt = f"{len(drawn)} digits decoded from random codes."
    yield Plate("samples", alt, generation.samples(drawn))
    alt = "Rows of digits that turn from one class into another in small steps."
    figure = generation.interpolations(frames, ends, classes)
    yield Plate("interpolations", alt, figure)
    alt = "A square grid of digits that change smoothly from place to place."
    yield Plate("manifold", alt, generation.manifold(grid, axis))
    alt = f"Bars: nats carried by each unit of the code; {int(active.sum())} units are active."
    yield Plate("units", alt, generation.units(kl, active))


def _code_maps(work: Work) -> Iterator[Plate]:
    names = ("codes", "labels", "classes", "pca2", "pca_explained", "tsne2", "tsne_rows")
    figure = code.maps(*work.arrays("codes.npz", *names))
    alt = "Three scatter plots of test codes coloured by class: first two dimensions, PCA, t-SNE."
    yield Plate("code", alt, figure)


def _code_sparsity(work: Work) -> Iterator[Plate]:
    edges, counts, near_zero = work.arrays("codes.npz", "code_edges", "code_counts", "near_zero")
    figure = code.activations(edges, counts, float(near_zero))
    alt = "Histogram of all activations of the code on the test images."
    yield Plate("activations", alt, figure)


def _network(work: Work) -> Iterator[Plate]:
    rerun = records.rerun_command("train", work.name)
    layers = architecture.layers_of(layout.model(work.name), rerun)
    plan = "; ".join(f"{layer.text} {network.shape_of(layer)}" for layer in layers)
    yield Plate("network", f"Layers: {plan}.", network.diagram(layers))


def _weights(work: Work) -> Iterator[Plate]:
    layers, sizes, near_zero, edges, counts, kernels = work.arrays(
        "weights.npz", "layers", "sizes", "near_zero", "edges", "counts", "filters"
    )
    alt = f"{len(kernels)} filters of the network's first layer as small images."
    yield Plate("filters", alt, weights.filters(kernels, str(layers[0])))
    alt = f"Histograms of the weights of {len(layers)} layers."
    yield Plate("weights", alt, weights.histograms(layers, sizes, near_zero, edges, counts))


def _mistakes(work: Work) -> Iterator[Plate]:
    labels, probabilities, classes = work.arrays(
        "predictions.npz", "labels", "probabilities", "classes"
    )
    alt = f"Matrix of actual against predicted class of {len(labels)} test images."
    figure = classification.confusion(labels, probabilities.argmax(axis=1), classes)
    yield Plate("confusion", alt, figure)
    names = ("images", "labels", "predicted", "probability", "classes")
    figure = classification.confused(*work.arrays("confused.npz", *names))
    alt = "The test images that the network got wrong with the most confidence."
    yield Plate("confused", alt, figure)
    (names,) = work.columns("per_class.csv", "class", text=True)
    scores = dict(
        zip(
            ("precision", "recall", "f1"),
            work.columns("per_class.csv", "precision", "recall", "f1"),
            strict=True,
        )
    )
    alt = f"Precision, recall and F1 of the classes {', '.join(names)}."
    figure = classification.per_class(names, scores)
    yield Plate("per-class", alt, figure)
    bins = work.columns("reliability.csv", "lower", "n", "confidence", "accuracy")
    alt = "Accuracy against the predicted probability, with the number of images in each bin."
    figure = classification.reliability(*bins)
    yield Plate("reliability", alt, figure)


def _pages(work: Work) -> Iterator[Plate]:
    results = work.shown_pages()
    alt = "Noisy, restored and clean: the dirtiest corner of a test page."
    yield Plate("close-up", alt, pages.close_up(work.page_for_close_up()))
    ranked = {page.role: page for page in results if page.role in ("best", "median", "worst")}
    title = "Best, median and worst test page"
    alt = f"{title}: noisy, restored, clean and error map of each."
    yield Plate("pages", alt, pages.quartets(list(ranked.values()), title))
    for kind, name in pages.NOISE_KINDS.items():
        typical = [page for page in results if page.noise == kind and page.role == "typical"]
        if typical:
            title = f"A typical page: {name}"
            alt = f"{title}; noisy, restored, clean and error map."
            yield Plate(f"pages-{kind}", alt, pages.quartets(typical[:1], title))
    names = ("rmse", "untouched_rmse", "background_rmse")
    (noise,) = work.columns("per_page.csv", "noise", text=True)
    figure = pages.by_noise(noise, *work.columns("per_page.csv", *names))
    alt = "Error of every test page by kind of noise: untouched, background removed, network."
    yield Plate("per-page", alt, figure)


_Maker = Callable[[Work], Iterator[Plate]]
TASKS: dict[str, list[_Maker]] = {
    "reconstruction": [
        _reconstructions,
        _denoising,
        _generated,
        _code_maps,
        _network,
        _curves,
        _progress,
        _code_sparsity,
        _weights,
    ],
    "classification": [_mistakes, _network, _curves, _progress, _weights],
    "restoration": [_pages, _network, _curves, _progress],
}
