"""A synthetic project folder: the outputs of preprocess, train and evaluate, without running them.

It has a variant of every kind and small files in the documented forms.
"""

import contextlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from fake_models import FakeModel, probabilities
from helpers import ROOT, once
from inkbench import layout, params, records
from inkbench.data_source import SYNTHETIC
from inkbench.datasets.common import store
from inkbench.evaluation import suite
from inkbench.params import Variant
from made_images import DIGITS, LETTERS, PAGES, SIDE, glyphs, page

_PAGE_SCALE = 0.3  # of the real size
_NAMES = (
    "notmnist-dense-ae",
    "notmnist-cnn",
    "notmnist-resnet",
    "notmnist-stacked-logreg",
    "mnist-conv-ae",
    "mnist-denoising-ae",
    "mnist-vae",
    "documents-conv-ae",
    "documents-unet",
)
_KNOWN = params.load(ROOT / "params.yaml").train
VARIANTS = {name: _KNOWN[name] for name in _NAMES}


def copy(factory: pytest.TempPathFactory, data_source: str) -> Path:
    """A new folder with the results, labelled with a data source."""
    folder = factory.mktemp("results") / data_source
    shutil.copytree(once(factory, "results", _write), folder)
    for path in folder.rglob("*.json"):
        path.write_text(path.read_text().replace(f'"{SYNTHETIC}"', f'"{data_source}"'))
    return folder


def _write(root: Path) -> None:
    """Write ``data/processed``, ``models``, ``evaluations``, ``metrics`` and the costs."""
    with contextlib.chdir(root):
        for dataset, classes in {"notmnist": LETTERS, "mnist": DIGITS, "documents": []}.items():
            _dataset(layout.processed(dataset), dataset, classes, SYNTHETIC)
        for number, (name, variant) in enumerate(VARIANTS.items()):
            _variant(name, variant, SYNTHETIC, np.random.default_rng(number))
        layout.COSTS.parent.mkdir()
        columns = "variant,seconds,images_per_second,peak_memory_mb,device,precision,threads"
        costs = [
            [name, 30.5 * (i + 1), 812, 1904, "cpu", "float32", 2]
            for i, name in enumerate(VARIANTS)
        ]
        records.write_csv(layout.COSTS, columns.split(","), costs)


def _dataset(folder: Path, dataset: str, classes: list[str], data_source: str) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    counts = {}
    for part, each in {"train": 12, "valid": 3, "test": 4}.items():
        if classes:
            labels = np.repeat(np.arange(10, dtype=np.uint8), each)
            images = store.Images(glyphs(classes, each, rng), labels, np.arange(len(labels)))
            store.save_images(folder, part, images)
        else:
            store.save_pages(folder, part, [_page(i, rng) for i in range(len(PAGES) * each)])
        names = classes or PAGES
        counts[part] = dict.fromkeys(names, each) | {"total": each * len(names)}
    card = {
        "dataset": dataset,
        "data_source": data_source,
        "content_digest": "a74dffe265392753",
        "licence": "none stated; for research" if classes else "CC BY 4.0",
        "classes": classes,
        "counts": counts,
        "skipped": [{"file": "notMNIST_small/A/broken.png", "reason": "empty file"}],
        "duplicates": {"exact": 12},
        "conflicting": [],
        "image_shape": [SIDE, SIDE] if classes else [None, None],
        "splits": {"policy": "by image hash", "test": 0.2},
    }
    if not classes:
        card |= {"image_shapes": [[258, 540], [420, 540]], "unlabelled": 72}
    store.save_card(folder, card)


def _page(index: int, rng: np.random.Generator) -> store.Page:
    clean, noisy = page(rng, _PAGE_SCALE, tall=index % 3 != 0)
    return store.Page(str(index), noisy, clean, PAGES[index % len(PAGES)], index)


def _variant(name: str, variant: Variant, source: str, rng: np.random.Generator) -> None:
    """Write the outputs of training, and those of an evaluation of a model without a network."""
    layout.model_folder(name).mkdir(parents=True)
    parameters = int(10 ** rng.uniform(4.5, 6.2))
    card = {
        "variant": variant.model_dump(mode="json"),
        "dataset": variant.dataset,
        "data_source": source,
        "precision": "bfloat16",
        "threads": 2,
        "device": "cpu",
        "parameters": parameters,
        "n_train": 14979,
        "epochs": variant.epochs,
    }
    layout.training_card(name).write_text(json.dumps(card))
    _model(layout.model(name), parameters)
    _history(layout.history(name), variant, rng)
    model = FakeModel(is_variational=variant.family == "vae", error=rng.uniform(0, 0.1))
    if variant.task == "restoration":
        images = np.stack([page(rng, 0.5, tall=True)[1][:64, :64] for _ in range(8)])
    else:
        test = store.load_images(variant.dataset, "test")
        images = test.images[::5]
    if variant.task == "classification":
        model.fixed_outputs = probabilities(test.labels, wrong=12)
    if variant.task != "classification" or variant.pretrain_epochs:
        outputs = {f"outputs_{epoch}": images / np.float16(255 * epoch) for epoch in (1, 2)}
        targets = images // 2 if variant.task == "restoration" else images
        np.savez(layout.snapshots(name), inputs=images, targets=targets, **outputs)
    suite.evaluate(variant, card, model).write(name)


def _model(path: Path, parameters: int) -> None:
    """Write a ``.keras`` file of four layers in Keras' form."""
    image = [None, SIDE, SIDE]

    def layer(kind: str, name: str, options: dict, source: str = "", shape: object = None) -> dict:
        tensor = {"shape": shape, "keras_history": [source, 0, 0]}
        node = {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}
        nodes = [node] if source else []
        return {"class_name": kind, "config": {"name": name} | options, "inbound_nodes": nodes}

    convolution = {"kernel_size": [3, 3], "strides": [2, 2], "filters": 8, "activation": "relu"}
    code, output = {"units": 16, "activation": "linear"}, {"units": 784, "activation": "sigmoid"}
    layers = [
        layer("InputLayer", "image", {"batch_shape": image}),
        layer("Ink", "ink", {}, "image", image),
        layer("Conv2D", "conv2d", convolution, "ink", [*image, 1]),
        layer("Dense", "code", code, "conv2d", [None, 14, 14, 8]),
        layer("Dense", "dense", output, "code", [None, 16]),
        layer("Reshape", "reshape", {"target_shape": [SIDE, SIDE]}, "dense", [None, 784]),
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


def _history(path: Path, variant: Variant, rng: np.random.Generator) -> None:
    metric = "accuracy" if variant.task == "classification" else "binary_accuracy"
    pretrained = variant.pretrain_epochs
    columns = ["epoch", "loss", metric, "val_loss", f"val_{metric}"]
    rows = [[i + 1, 0.3 - i / 10, "", 0.31 - i / 10, "", 0.8, 0.79] for i in range(pretrained)]
    if pretrained:
        columns += ["binary_accuracy", "val_binary_accuracy"]
    level = 60 * rng.uniform(1, 1.4) if variant.loss == "bernoulli_nats" else rng.uniform(0.1, 0.3)
    for epoch in range(variant.epochs):
        decay, gap = np.exp(-epoch / 1.5), 1.04 + 0.01 * rng.standard_normal()
        loss, accuracy = level * (1 + decay), 0.97 - 0.2 * decay
        row = [pretrained + epoch + 1, loss, accuracy, loss * gap, accuracy / gap]
        rows.append(row + ["", ""] * bool(pretrained))
    records.write_csv(path, columns, rows)
