"""All figures of one variant, drawn from ``models/V`` and ``evaluations/V``.

`inkbench.evaluation` and `inkbench.training` document the form of those files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkbench import layout
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
from inkbench.figures.outputs import VariantOutputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOSS_NAMES = {
    "bce": "binary cross-entropy",
    "mse": "mean squared error",
    "huber": "Huber loss",
    "charbonnier": "Charbonnier loss",
    "bernoulli_nats": "negative ELBO in nats",
    "cross_entropy": "cross-entropy",
}


def loss_name(block: Mapping[str, Any]) -> str:
    """What the losses in ``history.csv`` are for a variant with these settings."""
    loss, patches = str(block.get("loss", "")), block.get("patches") or {}
    name = _LOSS_NAMES.get(loss, loss)
    if {"l1", "l2"} & (block.get("model") or {}).keys():
        name += " + penalty"
    if loss == "bernoulli_nats":
        name += "; validation: at the mean code"
    if patches.get("weight", 1) != 1:
        name += "; training: weighted"
    return name


@dataclass(frozen=True)
class NamedFigure:
    """A figure with its file name (without suffix) and alternative text."""

    name: str
    alt: str
    figure: "Figure"


def draw(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    """Draw the figures of a variant, one at a time."""
    task = outputs.variant.get("task")
    if task not in TASKS:
        path = layout.training_card(outputs.name)
        raise InkbenchError(f"{path}: variant.task: {task!r} is not one of {', '.join(TASKS)}")
    for draw_some in TASKS[task]:
        yield from draw_some(outputs)


def write(outputs: VariantOutputs, folder: Path) -> list[Path]:
    """Draw all figures of a variant into ``folder``; returns the PNG files."""
    paths = []
    for drawn in draw(outputs):
        paths.append(folder / f"{drawn.name}.png")
        style.save(drawn.figure, paths[-1], outputs.source, drawn.alt)
    return paths


def _curves(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    file = layout.history(outputs.name).name
    history = outputs.training.numbers(file)
    epochs, _ = outputs.training.columns(file, "epoch", "loss")  # both are required
    figure = curves.training(history, loss_name(outputs.variant), _phases(outputs))
    names = ", ".join(curves.metrics_of(history)).replace("_", " ")
    alt = f"Curves of {names} on training and validation data over {len(epochs)} epochs."
    yield NamedFigure("curves", alt, figure)


def _phases(outputs: VariantOutputs) -> dict[float, str]:
    """Boundary between two epochs → training phase that begins there."""
    pretrained = outputs.variant.get("pretrain_epochs", 0)
    if not pretrained:
        return {}
    return {pretrained + 0.5: "logistic regression", 2 * pretrained + 0.5: "fine-tuning"}


def _progress(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    file = layout.snapshots(outputs.name).name
    if outputs.variant["task"] == "classification" and not outputs.training.has(file):
        return  # only classifiers with autoencoder pretraining have snapshots
    inputs, targets = outputs.training.arrays(file, "inputs", "targets")
    by_epoch = outputs.training.by_epoch(file)
    figure = images.progress(inputs, targets, by_epoch, outputs.card["dataset"] == "documents")
    epochs = " and ".join(str(epoch) for epoch in sorted(by_epoch))
    alt = f"The network's outputs for the same validation images after epochs {epochs}."
    yield NamedFigure("progress", alt, figure)


def _reconstructions(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    names = ("inputs", "targets", "reconstructions", "labels", "classes")
    figure = images.reconstructions(*outputs.evaluation.arrays("samples.npz", *names))
    alt = "Test images of every class, each above its reconstruction."
    yield NamedFigure("reconstructions", alt, figure)


def _denoising(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    file = "denoising.npz"
    if not outputs.evaluation.has(file):
        return
    clean, labels, kinds = outputs.evaluation.arrays(file, "clean", "labels", "kinds")
    pairs = {
        str(kind): outputs.evaluation.arrays(file, f"noisy_{kind}", f"restored_{kind}")
        for kind in kinds
    }
    alt = "Noisy, restored and clean test images and the error, by kind of noise."
    yield NamedFigure("denoising", alt, images.denoising(clean, labels, pairs))


def _generation(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    file = "generated.npz"
    if not outputs.evaluation.has(file):
        return
    (samples,) = outputs.evaluation.arrays(file, "samples")
    alt = f"{len(samples)} images decoded from samples of the prior."
    yield NamedFigure("samples", alt, generation.samples(samples))
    names = ("interpolations", "interpolation_labels", "classes")
    alt = "Rows of images that change step by step from one test image into another."
    figure = generation.interpolations(*outputs.evaluation.arrays(file, *names))
    yield NamedFigure("interpolations", alt, figure)
    alt = "A square grid of images that change smoothly over two latent coordinates."
    kl, active = outputs.evaluation.arrays(file, "kl_per_unit", "active_units")
    grid, axis = outputs.evaluation.arrays(file, "manifold", "manifold_axis")
    yield NamedFigure("manifold", alt, generation.manifold(grid, axis, len(kl)))
    alt = f"KL divergence of each latent unit; {int(active.sum())} units are active."
    yield NamedFigure("units", alt, generation.units(kl, active))


def _codes(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    file = "codes.npz"
    names = ("codes", "labels", "classes", "pca2", "pca_explained", "tsne2", "tsne_rows")
    figure = code.maps(*outputs.evaluation.arrays(file, *names, "code_size"))
    alt = "Three scatter plots of test codes coloured by class: first two dimensions, PCA, t-SNE."
    yield NamedFigure("code", alt, figure)
    edges, counts, near_zero = outputs.evaluation.arrays(
        file, "code_edges", "code_counts", "near_zero"
    )
    alt = "Histogram of all code activations on the test images."
    yield NamedFigure("activations", alt, code.activations(edges, counts, float(near_zero)))


def _architecture(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    layers = architecture.layers_of(layout.model(outputs.name), outputs.training.rerun)
    text = "; ".join(f"{layer.text} {network.shape_of(layer)}" for layer in layers)
    yield NamedFigure("network", f"Layers: {text}.", network.diagram(layers))


def _weights(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    names = ("layers", "sizes", "near_zero", "edges", "counts")
    layers, *histograms = outputs.evaluation.arrays("weights.npz", *names)
    (kernels,) = outputs.evaluation.arrays("weights.npz", "filters")
    alt = f"{len(kernels)} filters of the first layer as small images."
    yield NamedFigure("filters", alt, weights.filters(kernels, str(layers[0])))
    alt = f"Histograms of the weights of {len(layers)} layers."
    yield NamedFigure("weights", alt, weights.histograms(layers, *histograms))


def _classification(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    evaluation = outputs.evaluation
    class_names = evaluation.texts("per_class.csv", "class")
    actual, predicted = (
        np.array([class_names.index(name) for name in evaluation.texts("confusion.csv", column)])
        for column in ("actual", "predicted")
    )
    alt = f"Confusion matrix of {len(actual)} test images."
    yield NamedFigure("confusion", alt, classification.confusion(actual, predicted, class_names))
    names = ("images", "labels", "predicted", "probability", "classes")
    figure = classification.misclassified(*evaluation.arrays("misclassified.npz", *names))
    alt = "The test images that the model misclassified with the highest probability."
    yield NamedFigure("misclassified", alt, figure)
    columns = evaluation.columns("per_class.csv", "precision", "recall", "f1")
    scores = dict(zip(("precision", "recall", "F1"), columns, strict=True))
    alt = f"Precision, recall and F1 of the classes {', '.join(class_names)}."
    yield NamedFigure("per-class", alt, classification.per_class(class_names, scores))
    bins = evaluation.columns("reliability.csv", "lower", "n", "confidence", "accuracy")
    alt = "Reliability diagram: accuracy by predicted probability, and the images in each bin."
    yield NamedFigure("reliability", alt, classification.reliability(*bins))


def _pages(outputs: VariantOutputs) -> Iterator[NamedFigure]:
    alt = "The noisiest region of a test page: noisy input, restored page and clean target."
    yield NamedFigure("close-up", alt, pages.close_up(outputs.close_up_page()))
    examples = outputs.example_pages()
    ranked = {page.role: page for page in examples if page.role in ("best", "median", "worst")}
    selections = {"pages": ("Best, median and worst test page", list(ranked.values()))}
    for kind, title in pages.NOISE_KINDS.items():
        own = [page for page in examples if page.noise == kind]
        typical = sorted(own, key=lambda page: page.atypicality)[:1]
        selections[f"pages-{kind}"] = (f"A typical page: {title}", typical)
    for name, (title, selected) in selections.items():
        if selected:
            alt = f"{title}: noisy input, restored page, clean target and error map."
            yield NamedFigure(name, alt, pages.comparisons(selected, title))
    noise = outputs.evaluation.texts("per_page.csv", "noise")
    names = ("rmse", "noisy_rmse", "background_rmse")
    figure = pages.by_noise(noise, *outputs.evaluation.columns("per_page.csv", *names))
    alt = "RMSE of every test page by kind of noise: noisy input, background division, network."
    yield NamedFigure("per-page", alt, figure)


TASKS: dict[str, list[Callable[[VariantOutputs], Iterator[NamedFigure]]]] = {
    "reconstruction": [
        _reconstructions,
        _denoising,
        _generation,
        _codes,
        _architecture,
        _curves,
        _progress,
        _weights,
    ],
    "classification": [_classification, _architecture, _curves, _progress, _weights],
    "restoration": [_pages, _architecture, _curves, _progress],
    "cleaning": [_pages, _architecture, _curves, _progress],
}
