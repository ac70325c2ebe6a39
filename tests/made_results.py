"""A made-up project folder: what preprocess, train and evaluate leave, without running them.

Small enough to be drawn in seconds, and in the documented forms, so that figures and report are
tried on every kind of variant.
"""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

from made_evaluations import WRITERS, write_csv
from made_images import DIGITS, LETTERS, PAGES, SIDE, glyphs, page

_BASE = {"epochs": 4, "batch_size": 128, "learning_rate": 0.002, "schedule": "cosine", "seed": 42}


def _block(task: str, family: str, **more: object) -> dict:
    loss = {"reconstruction": "bce", "classification": "cross_entropy", "restoration": "mse"}
    return {"task": task, "family": family, "loss": loss[task]} | more


_PATCHES = {"size": 64, "per_page": 48}
_BLOCKS = {
    "notmnist-dense-ae": _block(
        "reconstruction", "dense_autoencoder", model={"hidden": [256], "code": 64}
    ),
    "notmnist-cnn": _block("classification", "cnn"),
    "notmnist-resnet": _block("classification", "resnet", augment={"shift": 2, "rotate": 8}),
    "notmnist-stacked-logreg": _block("classification", "stacked_logreg", pretrain_epochs=2),
    "mnist-conv-ae": _block("reconstruction", "strided_autoencoder", binarise=True),
    "mnist-denoising-ae": _block(
        "reconstruction", "strided_autoencoder", noise={"gaussian": 0.5, "salt_pepper": 0.1}
    ),
    "mnist-vae": _block("reconstruction", "vae", loss="bernoulli_nats", binarise=True),
    "documents-conv-ae": _block("restoration", "page_autoencoder", patches=_PATCHES),
    "documents-unet": _block("restoration", "unet", patches=_PATCHES),
}
VARIANTS = {name: {"dataset": name.split("-")[0]} | block for name, block in _BLOCKS.items()}


def write(root: Path, data_source: str = "real", page_scale: float = 0.3) -> Path:
    """Write ``data/processed``, ``models``, ``evaluations``, ``metrics`` and the costs."""
    for dataset in ("notmnist", "mnist", "documents"):
        _processed(root / "data/processed" / dataset, dataset, data_source, page_scale)
    for number, (name, block) in enumerate(VARIANTS.items()):
        _variant(root, name, _BASE | block, data_source, np.random.default_rng(number), page_scale)
    (root / "benchmarks").mkdir()
    costs = [
        [name, 30.5 * (i + 1), 812, 1904, "cpu", "float32", 2] for i, name in enumerate(VARIANTS)
    ]
    columns = "variant,seconds,images_per_second,peak_memory_mb,device,precision,threads"
    write_csv(root / "benchmarks/costs.csv", columns.split(","), costs)
    return root


def _processed(folder: Path, dataset: str, data_source: str, scale: float) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    classes = {"notmnist": LETTERS, "mnist": DIGITS, "documents": []}[dataset]
    counts = {}
    for part, each in {"train": 12, "valid": 3, "test": 4}.items():
        if dataset == "documents":
            total = _save_pages(folder / f"{part}.npz", 3 * each, rng, scale)
            counts[part] = {kind: total // 4 for kind in PAGES} | {"total": total}
            continue
        images = glyphs(classes, each, rng)
        labels = np.repeat(np.arange(10, dtype=np.uint8), each)
        np.savez(
            folder / f"{part}.npz", images=images, labels=labels, groups=np.arange(len(labels))
        )
        counts[part] = {name: each for name in classes} | {"total": len(labels)}
    card = {
        "dataset": dataset,
        "data_source": data_source,
        "content_digest": "a74dffe265392753",
        "licence": "CC BY 4.0" if dataset == "documents" else "none stated; for research",
        "classes": classes,
        "counts": counts,
        "skipped": [{"file": "notMNIST_small/A/broken.png", "reason": "empty file"}],
        "duplicates": {"exact": 12},
        "conflicting": [],
        "image_shape": [SIDE, SIDE] if classes else [None, None],
        "splits": {"policy": "by image hash", "test": 0.2},
    }
    if dataset == "documents":
        card |= {"image_shapes": [[258, 540], [420, 540]], "unlabelled": 72}
    (folder / "dataset.json").write_text(json.dumps(card))


def _save_pages(path: Path, count: int, rng: np.random.Generator, scale: float) -> int:
    kinds = list(PAGES)
    arrays = {}
    for tall in (True, False):
        made = [page(rng, scale, tall) for _ in range(count // 3 * (2 if tall else 1))]
        clean, noisy = (np.stack(side) for side in zip(*made, strict=True))
        size = "x".join(map(str, clean.shape[1:]))
        arrays |= {
            f"clean_{size}": clean,
            f"noisy_{size}": noisy,
            f"names_{size}": np.array([f"{tall:d}{i}" for i in range(len(made))]),
            f"groups_{size}": np.arange(len(made)),
            f"noise_{size}": np.array([kinds[i % 4] for i in range(len(made))]),
        }
    np.savez(path, **arrays)
    return count


def _variant(
    root: Path, name: str, block: dict, source: str, rng: np.random.Generator, scale: float
) -> None:
    model, evaluation = root / "models" / name, root / "evaluations" / name
    model.mkdir(parents=True)
    evaluation.mkdir(parents=True)
    parameters = int(10 ** rng.uniform(4.5, 6.2))
    card = {
        "variant": block,
        "dataset": block["dataset"],
        "data_source": source,
        "precision": "bfloat16",
        "threads": 2,
        "device": "cpu",
        "parameters": parameters,
        "n_train": 14979,
        "epochs": block["epochs"],
    }
    (model / "train.json").write_text(json.dumps(card))
    _model(model / "model.keras", parameters)
    _history(model / "history.csv", block, rng)
    metrics = WRITERS[block["task"]](model, evaluation, block, rng, scale)
    shared = {"data_source": source, "parameters": parameters, "n_test": 3745}
    path = root / "metrics" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(shared | metrics, sort_keys=True, indent=2))


def _model(path: Path, parameters: int) -> None:
    """A `.keras` file as Keras writes one, of a network of four layers."""
    side = [None, SIDE, SIDE]

    def tensor(source: str, shape: list) -> dict:
        config = {"shape": shape, "keras_history": [source, 0, 0]}
        return {"args": [{"class_name": "__keras_tensor__", "config": config}], "kwargs": {}}

    def layer(kind: str, name: str, options: dict, *sources: tuple[str, list]) -> dict:
        nodes = [tensor(*source) for source in sources]
        return {"class_name": kind, "config": {"name": name} | options, "inbound_nodes": nodes}

    convolution = {"kernel_size": [3, 3], "strides": [2, 2], "filters": 8, "activation": "relu"}
    layers = [
        layer("InputLayer", "image", {"batch_shape": side}),
        layer("Ink", "ink", {}, ("image", side)),
        layer("Conv2D", "conv2d", convolution, ("ink", [*side, 1])),
        layer(
            "Dense", "code", {"units": 16, "activation": "linear"}, ("conv2d", [None, 14, 14, 8])
        ),
        layer("Dense", "dense", {"units": 784, "activation": "sigmoid"}, ("code", [None, 16])),
        layer("Reshape", "reshape", {"target_shape": [SIDE, SIDE]}, ("dense", [None, 784])),
    ]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for name, count in {"conv2d": 80, "code": parameters - 80}.items():
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = name
            group["0"] = np.zeros(count, np.float16)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))
        archive.writestr("model.weights.h5", weights.getvalue())


def _history(path: Path, block: dict, rng: np.random.Generator) -> None:
    epochs = block["epochs"]
    decay = np.exp(-np.arange(epochs) / 1.5)
    rows = []
    metric = "accuracy" if block["task"] == "classification" else "binary_accuracy"
    pretrained = block.get("pretrain_epochs", 0)
    columns = ["epoch", "loss", metric, "val_loss", f"val_{metric}"]
    if pretrained:
        columns += ["binary_accuracy", "val_binary_accuracy"]
        for epoch in range(pretrained):
            rows.append([epoch + 1, 0.3 - epoch / 10, "", 0.31 - epoch / 10, "", 0.8, 0.79])
    level = 60 * rng.uniform(1, 1.4) if block["loss"] == "bernoulli_nats" else rng.uniform(0.1, 0.3)
    for epoch, step in enumerate(decay):
        gap = 1.04 + 0.01 * rng.standard_normal()
        values = [level * (1 + step), 0.97 - 0.2 * step]
        row = [pretrained + epoch + 1, *values, values[0] * gap, values[1] / gap]
        rows.append(row + ["", ""] * bool(pretrained))
    write_csv(path, columns, rows)
