"""Autoencoders: what they give back, what their code knows, and how sparse they are."""

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

GAP_IMAGES = 5000  # at most so many training images for `train_bce`
PROBE_TRAIN = 15_000  # at most so many training images for the probe
PROBE_VALID = 2000
SSIM_IMAGES = 2000  # at most so many test images for `test_ssim`
_NOISE_SEED = 0  # the same noise for every denoiser
_SHOWN_A_CLASS = 3
_CODES_SHOWN = 2000
_DIMENSIONS_SHOWN = 512


@dataclass(frozen=True)
class Parts:
    """The three parts of a dataset."""

    train: Images
    valid: Images
    test: Images
    classes: list[str]


class Tested(NamedTuple):
    """Test images on their way through the network: uint8 in, floats in [0, 1] out."""

    inputs: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray


def evaluate(variant: Variant, model: Predictor, parts: Parts) -> Results:
    """Evaluate an autoencoder: see ``docs/metrics.md`` for the metrics.

    Raises
    ------
    InkbenchError
        If the outputs are of the wrong shape, not finite or no intensities.
    """
    test = parts.test
    inputs = _corrupted(test.images, variant.noise)
    targets = fidelity.ink(test.images, variant.binarise)
    tested = Tested(inputs, targets, _checked_outputs(model, inputs))
    shown = _first_of_each(test.labels, _SHOWN_A_CLASS)

    found = _fidelity(tested)
    found["train_bce"] = _train_bce(variant, model, parts.train, len(targets))
    found["generalisation_gap_bce"] = found["test_bce"] - found["train_bce"]
    results = Results({**found}, {"samples.npz": _samples(tested, shown, parts)})
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


def _first_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Rows of the first ``count`` images of every class, sorted by class: not hand-picked."""
    return np.concatenate([np.flatnonzero(labels == k)[:count] for k in np.unique(labels)])


def _samples(tested: Tested, shown: np.ndarray, parts: Parts) -> dict[str, np.ndarray]:
    return {
        "classes": np.array(parts.classes),
        "inputs": tested.inputs[shown],
        "labels": parts.test.labels[shown],
        "reconstructions": tested.outputs[shown].astype(np.float16),
        "targets": np.rint(tested.targets[shown] * 255).astype(np.uint8),
    }


def _fidelity(tested: Tested) -> dict[str, float]:
    pair = tested.targets, tested.outputs
    some = _order(len(tested.targets))[:SSIM_IMAGES]
    return {
        "test_bce": fidelity.bce(*pair),
        "test_binary_accuracy": fidelity.binary_accuracy(*pair),
        "test_mse": fidelity.mse(*pair),
        "test_psnr": fidelity.psnr(*pair),
        "test_ssim": fidelity.ssim(*(images[some] for images in pair)),
    }


def _order(count: int) -> np.ndarray:
    """A seeded permutation of ``count`` rows."""
    return np.random.default_rng(0).permutation(count)


def _sample(images: Images, count: int) -> Images:
    """A seeded subset, in random order: a shorter one is the beginning of a longer one."""
    rows = _order(len(images.labels))[:count]
    return Images(images.images[rows], images.labels[rows], images.groups[rows])


def _train_bce(variant: Variant, model: Predictor, train: Images, tested: int) -> float:
    """Loss on images that were trained on, as many as were tested, without augmentation."""
    trained_on = train.images[: variant.train_limit]
    seen = trained_on[_order(len(trained_on))[: min(tested, GAP_IMAGES)]]
    outputs = _checked_outputs(model, _corrupted(seen, variant.noise))
    return fidelity.bce(fidelity.ink(seen, variant.binarise), outputs)


def _denoising(
    variant: Variant, model: Predictor, parts: Parts, tested: Tested, shown: np.ndarray
) -> Results:
    """What is gained on noisy input: on the training's noise, and on each kind alone."""
    metrics: dict[str, Metric] = {}
    kinds = _kinds(variant.noise)
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
        before = fidelity.psnr(tested.targets, fidelity.ink(noisy, binarise=False))
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


def _kinds(noise: Noise) -> dict[str, Noise]:
    kinds = {
        "gaussian": Noise(gaussian=noise.gaussian),
        "salt_pepper": Noise(salt_pepper=noise.salt_pepper),
        "both": noise,
    }
    if noise in (kinds["gaussian"], kinds["salt_pepper"]):
        del kinds["both"]
    return {kind: strength for kind, strength in kinds.items() if strength != Noise()}


def _code(model: Predictor, parts: Parts) -> Results:
    """What the code knows about the class, beside what the pixels do; and its pictures."""
    train, valid = _sample(parts.train, PROBE_TRAIN), _sample(parts.valid, PROBE_VALID)
    images = (train, valid, parts.test)
    codes = [_checked_codes(model, part.images) for part in images]
    pixels = [
        fidelity.ink(part.images, binarise=False).reshape(len(c), -1)
        for part, c in zip(images, codes, strict=True)
    ]
    found: dict[str, Metric] = {}
    for prefix, features in (("", codes), ("raw_pixel_", pixels)):
        labelled = map(Labelled, features, (part.labels for part in images))
        found[f"{prefix}probe_accuracy"], found[f"{prefix}knn_accuracy"] = probe.accuracies(
            *labelled
        )
    found["code_size"] = codes[-1].shape[1]
    found["code_sparsity"] = sparsity.code_sparsity(codes[-1])
    return Results(found, {"codes.npz": _code_pictures(codes[-1], parts)})


def _checked_codes(model: Predictor, images: np.ndarray) -> np.ndarray:
    codes = model.codes(images)
    checks.finite(codes, model.path)
    return codes


def _code_pictures(codes: np.ndarray, parts: Parts) -> dict[str, np.ndarray]:
    shown = _order(len(codes))[:_CODES_SHOWN]  # files may be sorted by class
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
    """The evidence lower bound, and what the decoder makes of codes of our choosing."""
    test = parts.test
    mean, log_var = model.posterior(test.images)
    for found in (mean, log_var):
        checks.finite(found, model.path)
    decoded = model.decode(variational.sample(mean, log_var))
    checks.outputs(decoded, test.images.shape, model.path)
    active = variational.active_units(mean)
    targets = fidelity.ink(test.images, binarise=True)
    metrics = variational.bound(targets, decoded, mean, log_var)

    lines, ends = variational.paths(mean, test.labels)
    grid, quantiles = variational.manifold(mean)
    pictures = {
        "active_units": active,
        "classes": np.array(parts.classes),
        "interpolation_labels": ends,
        "interpolations": _decoded(model, lines),
        "kl_per_unit": variational.kl_per_unit(mean, log_var).astype(np.float32),
        "manifold": _decoded(model, grid),
        "manifold_axis": quantiles,
        "samples": _decoded(model, variational.prior_codes(mean.shape[1])),
    }
    return Results({**metrics, "active_units": int(active.sum())}, {"generated.npz": pictures})


def _decoded(model: Predictor, codes: np.ndarray) -> np.ndarray:
    """Decode an array of codes of any number of leading axes; float16."""
    images = model.decode(codes.reshape(-1, codes.shape[-1]))
    return images.reshape(*codes.shape[:-1], *images.shape[1:]).astype(np.float16)
