"""Generated ``evaluations/V`` and snapshots, in the formats of `inkbench.evaluation`."""

import csv
from pathlib import Path

import numpy as np

from made_images import DIGITS, LETTERS, PAGES, SIDE, glyphs, page


def write_csv(path: Path, columns: list[str], rows: list) -> None:
    """Write a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def _blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(images / 255, (0, sigma, sigma)).astype(np.float16)


def _snapshots(path: Path, inputs: np.ndarray, targets: np.ndarray, epochs: int) -> None:
    outputs = {
        f"outputs_{epoch}": _blurred(targets, 3 / epoch)
        for epoch in sorted({1, (epochs + 1) // 2, epochs})
    }
    np.savez(path, inputs=inputs, targets=targets, **outputs)


def _reconstruction(
    model: Path, evaluation: Path, block: dict, rng: np.random.Generator, scale: float
) -> dict:
    classes = LETTERS if block["dataset"] == "notmnist" else DIGITS
    images, labels = glyphs(classes, 3, rng), np.repeat(np.arange(10, dtype=np.uint8), 3)
    labelled = {"labels": labels, "classes": np.array(classes)}
    noisy = np.clip(images + rng.normal(0, 90, images.shape), 0, 255).astype(np.uint8)
    inputs = noisy if "noise" in block else images
    _snapshots(model / "snapshots.npz", inputs[:24:3], images[:24:3], block["epochs"])
    np.savez(
        evaluation / "samples.npz",
        inputs=inputs,
        targets=images,
        reconstructions=_blurred(images, 0.7),
        **labelled,
    )
    _codes(evaluation / "codes.npz", classes, rng)
    _weights(evaluation / "weights.npz", rng)
    if "noise" in block:
        kinds = np.array(["gaussian", "salt_pepper", "both"])
        pairs = {}
        for kind in kinds:
            pairs |= {f"noisy_{kind}": noisy, f"restored_{kind}": _blurred(images, 0.6)}
        np.savez(evaluation / "denoising.npz", clean=images, kinds=kinds, **labelled, **pairs)
    error = rng.uniform(0.05, 0.2)
    metrics = {
        "test_bce": error,
        "test_mse": error**2,
        "test_psnr": -20 * np.log10(error),
        "test_ssim": 1 - error,
        "test_binary_accuracy": 1 - error / 8,
        "train_bce": error * 0.98,
        "probe_accuracy": 0.89,
        "raw_pixel_probe_accuracy": 0.88,
        "knn_accuracy": 0.91,
        "raw_pixel_knn_accuracy": 0.9,
        "code_sparsity": 0.2,
    }
    if block["loss"] == "bernoulli_nats":
        _generated(evaluation / "generated.npz", rng)
        metrics |= {"test_elbo_nats": 98.4, "test_kl_nats": 24.1, "test_reconstruction_nats": 74.3}
    return metrics


def _codes(path: Path, classes: list[str], rng: np.random.Generator) -> None:
    count = 400
    labels = rng.integers(0, 10, count).astype(np.uint8)
    centres = rng.normal(0, 3, (10, 16))
    codes = (centres[labels] + rng.normal(0, 1, (count, 16))).astype(np.float16)
    rows = np.sort(rng.choice(count, 200, replace=False))
    counts, edges = np.histogram(codes, 50)
    np.savez(
        path,
        codes=codes,
        labels=labels,
        classes=np.array(classes),
        pca2=codes[:, 2:4].astype(np.float32),
        pca_explained=np.array([0.31, 0.17], np.float32),
        tsne2=codes[rows, 4:6].astype(np.float32) * 8,
        tsne_rows=rows,
        code_edges=edges.astype(np.float32),
        code_counts=counts,
        near_zero=np.float32(0.05),
    )


def _weights(path: Path, rng: np.random.Generator) -> None:
    layers = np.array(["conv2d", "conv2d_1", "code", "dense", "conv2d_transpose"])
    edges = np.linspace(-0.4, 0.4, 102)
    counts = [np.histogram(rng.laplace(0, 0.05, 4000), edges)[0] for _ in layers]
    np.savez(
        path,
        layers=layers,
        sizes=np.array([288, 18432, 401408, 100352, 9216]),
        near_zero=rng.uniform(0.01, 0.4, 5),
        edges=np.tile(edges.astype(np.float32), (len(layers), 1)),
        counts=np.stack(counts),
        filters=rng.normal(0, 1, (32, 3, 3)).astype(np.float32),
    )


def _generated(path: Path, rng: np.random.Generator) -> None:
    images = _blurred(glyphs(DIGITS, 40, rng), 0.6)
    fraction = np.linspace(0, 1, 10, dtype=np.float16)[:, None, None]
    ends = rng.integers(0, 400, (6, 2))
    frames = [images[a] * (1 - fraction) + images[b] * fraction for a, b in ends]
    kl = np.sort(rng.gamma(1.5, 1, 20))[::-1].astype(np.float32)
    np.savez(
        path,
        samples=images[rng.permutation(400)[:64]],
        interpolations=np.stack(frames),
        interpolation_labels=(ends // 40).astype(np.uint8),
        classes=np.array(DIGITS),
        manifold=images.reshape(20, 20, SIDE, SIDE),
        manifold_axis=np.linspace(-2, 2, 20, dtype=np.float32),
        active_units=kl > 0.3,
        kl_per_unit=kl,
    )


def _classification(
    model: Path, evaluation: Path, block: dict, rng: np.random.Generator, scale: float
) -> dict:
    names, labels = np.array(LETTERS), np.repeat(np.arange(10, dtype=np.uint8), 40)
    logits = rng.normal(0, 1, (400, 10))
    logits[np.arange(400), labels] += 3.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    np.savez(
        evaluation / "predictions.npz",
        labels=labels,
        probabilities=probabilities.astype(np.float16),
        classes=names,
    )
    pairs = zip(names[labels], names[predicted], strict=True)
    write_csv(evaluation / "confusion.csv", ["actual", "predicted"], list(pairs))
    table = [[name, 40, *rng.uniform(0.9, 0.99, 3).round(4)] for name in LETTERS]
    write_csv(evaluation / "per_class.csv", ["class", "n", "precision", "recall", "f1"], table)
    bins = [[i / 15, (i + 1) / 15, 0, "", ""] for i in range(4)]
    bins += [
        [i / 15, (i + 1) / 15, 3**i // 40, (i + 0.6) / 15, (i + 0.3) / 15] for i in range(4, 15)
    ]
    columns = ["lower", "upper", "n", "confidence", "accuracy"]
    write_csv(evaluation / "reliability.csv", columns, bins)
    wrong = np.flatnonzero(predicted != labels)[:24]
    np.savez(
        evaluation / "confused.npz",
        images=glyphs(LETTERS, 40, rng)[wrong],
        labels=labels[wrong],
        predicted=predicted[wrong].astype(np.uint8),
        probability=probabilities.max(axis=1)[wrong].astype(np.float32),
        classes=names,
    )
    _weights(evaluation / "weights.npz", rng)
    if block.get("pretrain_epochs"):
        images = glyphs(LETTERS, 1, rng)[:8]
        _snapshots(model / "snapshots.npz", images, images, block["pretrain_epochs"])
    accuracy = float((predicted == labels).mean())
    return {
        "test_accuracy": accuracy,
        "test_accuracy_low": accuracy - 0.01,
        "test_accuracy_high": accuracy + 0.01,
        "test_macro_f1": accuracy,
        "test_nll": 0.2,
        "test_ece": 0.012,
    }


def _restoration(
    model: Path, evaluation: Path, block: dict, rng: np.random.Generator, scale: float
) -> dict:
    kinds = list(PAGES)
    roles = ["best", "median", "worst", *["typical"] * 4]
    arrays, errors = {}, []
    for i in range(len(roles)):
        clean, noisy = page(rng, scale, i % 3 != 0)
        restored = np.clip(clean + 0.1 * (noisy - clean.astype(float)), 0, 255).astype(np.uint8)
        arrays |= {f"noisy_{i}": noisy, f"restored_{i}": restored, f"clean_{i}": clean}
        errors.append(float(np.sqrt(np.mean(((restored - clean.astype(float)) / 255) ** 2))))
    np.savez(
        evaluation / "pages.npz",
        names=np.array([str(i) for i in range(len(roles))]),
        noise=np.array(["fold", "wrinkle", "coffee", *kinds]),
        role=np.array(roles),
        rmse=np.array(errors, np.float32),
        **arrays,
    )
    columns = ["name", "noise", "height", "rmse", "psnr", "ssim"]
    rows = [
        [i, kinds[i % 4], 420, round(rng.uniform(0.01, 0.03), 4), 33, 0.98, 0.15, 0.07]
        for i in range(24)
    ]
    write_csv(evaluation / "per_page.csv", [*columns, "untouched_rmse", "background_rmse"], rows)
    patches = np.stack([page(rng, 0.5, True)[1][:64, :64] for _ in range(8)])
    _snapshots(model / "snapshots.npz", patches, patches // 2 + 100, block["epochs"])
    rmse = float(np.mean(errors))
    return {
        "test_rmse": rmse,
        "test_psnr": -20 * np.log10(rmse),
        "test_ssim": 0.98,
        "untouched_rmse": 0.155,
        "background_rmse": 0.07,
        "test_rmse_coffee": rmse * 1.1,
        "test_rmse_fold": rmse,
    }


WRITERS = {
    "reconstruction": _reconstruction,
    "classification": _classification,
    "restoration": _restoration,
}
