"""Autoencoders: reconstruction quality, what the code predicts, and sparsity."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inkbench.datasets.common.noise import corrupt
from inkbench.datasets.common.store import Images
from inkbench.evaluation import checks, fidelity, probe, projection, sparsity, variational
from inkbench.evaluation.probe import Labelled
from inkbench.evaluation.results import Metric, Results
from inkbench.params import Noise, Variant
from inkbench.prediction import Predictor

# Largest samples, in images.
_GAP_IMAGES = 5000  # of the training part, for `train_bce`
_PROBE_TRAIN = 15_000
_PROBE_VALID = 2000
_SSIM_IMAGES = 2000
_SHOWN_PER_CLASS = 3
_CODES_SHOWN = 2000
_DIMENSIONS_SHOWN = 512
_NOISE_SEED = 0  # the same noise for every denoiser


@dataclass(frozen=True)
class Parts:
    """The three parts of a dataset, and its class names."""

    train: Images
    valid: Images
    test: Images
    classes: list[str]


class Reconstructed(NamedTuple):
    """The network's uint8 inputs, and its float targets and outputs in [0, 1]; ``[n, h, w]``."""

    inputs: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray


def evaluate(variant: Variant, model: Predictor, parts: Parts) -> Results:
    """Evaluate an autoencoder; `InkbenchError` if its outputs are invalid, see `checks`."""
    test = parts.test
    inputs = _corrupted(test.images, variant.noise)
    targets = fidelity.to_float(test.images, variant.binarise)
    tested = Reconstructed(inputs, targets, _checked_outputs(model, inputs))
    shown = _first_of_each_class(test.labels, _SHOWN_PER_CLASS)

    metrics = _fidelity(tested)
    metrics["train_bce"] = _train_bce(variant, model, parts.train, len(targets))
    metrics["generalisation_gap_bce"] = metrics["test_bce"] - metrics["train_bce"]
    samples = {
        "classes": np.array(parts.classes),
        "inputs": inputs[shown],
        "labels": test.labels[shown],
        "reconstructions": tested.outputs[shown].astype(np.float16),
        "targets": np.rint(targets[shown] * 255).astype(np.uint8),
    }
    results = Results({**metrics}, {"samples.npz": samples})
    if variant.noise != Noise():
        results |= _denoising(variant, model, parts, tested, shown)
    results |= _code(model, parts)
    if model.is_variational:
        results |= _variational(model, parts)
    kernels = model.kernels()
    results.metrics["weight_sparsity"] = sparsity.weight_sparsity(kernels)
    results.arrays["weights.npz"] = sparsity.weights(kernels, test.images.shape[1:])
    return results


def _corrupted(images: np.ndarray, noise: Noise) -> np.ndarray:
    if noise == Noise():
        return images
    return corrupt(images, noise.gaussian, noise.salt_pepper, _NOISE_SEED)


def _checked_outputs(model: Predictor, inputs: np.ndarray) -> np.ndarray:
    outputs = model.outputs(inputs)
    checks.outputs(outputs, inputs.shape, model.path)
    return outputs


def _first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Rows of the first ``count`` images of every class, sorted by class: not hand-picked."""
    return np.concatenate([np.flatnonzero(labels == k)[:count] for k in np.unique(labels)])


def _fidelity(tested: Reconstructed) -> dict[str, float]:
    pair = tested.targets, tested.outputs
    sample = _shuffled_rows(len(tested.targets))[:_SSIM_IMAGES]
    return {
        "test_bce": fidelity.bce(*pair),
        "test_binary_accuracy": fidelity.binary_accuracy(*pair),
        "test_mse": fidelity.mse(*pair),
        "test_psnr": fidelity.psnr(*pair),
        "test_ssim": fidelity.ssim(*(images[sample] for images in pair)),
    }


def _shuffled_rows(count: int) -> np.ndarray:
    """A seeded permutation of ``count`` rows; its beginning is a random sample."""
    return np.random.default_rng(0).permutation(count)


def _sample(images: Images, count: int) -> Images:
    rows = _shuffled_rows(len(images.labels))[:count]
    return Images(images.images[rows], images.labels[rows], images.groups[rows])


def _train_bce(variant: Variant, model: Predictor, train: Images, n_test: int) -> float:
    """Loss on at most ``n_test`` training images, without augmentation."""
    trained_on = train.images[: variant.train_limit]
    sample = trained_on[_shuffled_rows(len(trained_on))[: min(n_test, _GAP_IMAGES)]]
    outputs = _checked_outputs(model, _corrupted(sample, variant.noise))
    return fidelity.bce(fidelity.to_float(sample, variant.binarise), outputs)


def _denoising(
    variant: Variant, model: Predictor, parts: Parts, tested: Reconstructed, shown: np.ndarray
) -> Results:
    """PSNR before and after denoising, for the training's noise and for each kind alone."""
    metrics: dict[str, Metric] = {}
    kinds = {kind: Noise(**{kind: strength}) for kind, strength in variant.noise if strength}
    if len(kinds) == 2:
        kinds["both"] = variant.noise
    arrays = {
        "classes": np.array(parts.classes),
        "clean": parts.test.images[shown],
        "kinds": np.array(list(kinds)),
        "labels": parts.test.labels[shown],
    }
    for kind, noise in kinds.items():
        noisy, restored, suffix = tested.inputs, tested.outputs, ""
        if noise != variant.noise:
            noisy, suffix = _corrupted(parts.test.images, noise), f"_{kind}"
            restored = _checked_outputs(model, noisy)
        before = fidelity.psnr(tested.targets, fidelity.to_float(noisy))
        after = fidelity.psnr(tested.targets, restored)
        metrics |= {
            f"psnr_gain{suffix}": after - before,
            f"test_psnr{suffix}": after,
            f"test_psnr_noisy{suffix}": before,
        }
        arrays |= {
            f"noisy_{kind}": noisy[shown],
            f"restored_{kind}": restored[shown].astype(np.float16),
        }
    return Results(metrics, {"denoising.npz": arrays})


def _code(model: Predictor, parts: Parts) -> Results:
    """How well the code, and the pixels, predict the class; and the arrays of ``codes.npz``."""
    samples = _sample(parts.train, _PROBE_TRAIN), _sample(parts.valid, _PROBE_VALID), parts.test
    labels = [sample.labels for sample in samples]
    codes = [model.codes(sample.images) for sample in samples]
    for part in codes:
        checks.finite(part, model.path)
    pixels = [
        fidelity.to_float(sample.images).reshape(len(sample.images), -1) for sample in samples
    ]
    metrics: dict[str, Metric] = {
        "code_size": codes[-1].shape[1],
        "code_sparsity": sparsity.code_sparsity(codes[-1]),
    }
    for prefix, features in (("", codes), ("raw_pixel_", pixels)):
        linear, nearest = probe.accuracies(*map(Labelled, features, labels))
        metrics |= {f"{prefix}probe_accuracy": linear, f"{prefix}knn_accuracy": nearest}
    return Results(metrics, {"codes.npz": _code_arrays(codes[-1], parts)})


def _code_arrays(codes: np.ndarray, parts: Parts) -> dict[str, np.ndarray]:
    shown = _shuffled_rows(len(codes))[:_CODES_SHOWN]  # files may be sorted by class
    labels, codes_shown = parts.test.labels[shown], codes[shown]
    points, explained = projection.pca2(codes_shown)
    rows = np.arange(min(len(shown), projection.TSNE_ROWS))
    return {
        "classes": np.array(parts.classes),
        "code_size": np.int64(codes.shape[1]),
        "codes": codes_shown[:, :_DIMENSIONS_SHOWN].astype(np.float16),
        "labels": labels,
        "pca2": points,
        "pca_explained": explained,
        "tsne2": projection.tsne2(codes_shown[rows]),
        "tsne_rows": rows,
        **sparsity.code_histogram(codes),
    }


def _variational(model: Predictor, parts: Parts) -> Results:
    """The evidence lower bound, and images decoded from prior, interpolated and grid codes."""
    test = parts.test
    mean, log_var = model.posterior(test.images)
    for values in (mean, log_var):
        checks.finite(values, model.path)
    decoded = model.decode(variational.sample(mean, log_var))
    checks.outputs(decoded, test.images.shape, model.path)
    active = variational.active_units(mean)
    targets = fidelity.to_float(test.images, binarise=True)
    metrics = variational.bound(targets, decoded, mean, log_var)

    interpolations, ends = variational.interpolations(mean, test.labels)
    grid, quantiles = variational.manifold(mean)
    arrays = {
        "active_units": active,
        "classes": np.array(parts.classes),
        "interpolation_labels": ends,
        "interpolations": _decoded(model, interpolations),
        "kl_per_unit": variational.kl_per_unit(mean, log_var).astype(np.float32),
        "manifold": _decoded(model, grid),
        "manifold_axis": quantiles,
        "samples": _decoded(model, variational.prior_codes(mean.shape[1])),
    }
    return Results({**metrics, "active_units": int(active.sum())}, {"generated.npz": arrays})


def _decoded(model: Predictor, codes: np.ndarray) -> np.ndarray:
    """Decode codes ``[…, d]`` to images float16 ``[…, h, w]``."""
    images = model.decode(codes.reshape(-1, codes.shape[-1]))
    return images.reshape(*codes.shape[:-1], *images.shape[1:]).astype(np.float16)
