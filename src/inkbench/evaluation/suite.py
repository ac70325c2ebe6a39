"""Evaluates a trained variant on the test part of its dataset."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError
from tqdm import tqdm

from inkbench import layout, records
from inkbench.datasets.common import store
from inkbench.datasets.common.store import Images
from inkbench.errors import InkbenchError
from inkbench.evaluation import (
    checks,
    classification,
    cleaning,
    reconstruction,
    restoration,
    sparsity,
)
from inkbench.evaluation.results import Results
from inkbench.params import Variant
from inkbench.prediction import Predictor


def load_training_card(name: str) -> tuple[Variant, dict[str, Any]]:
    """Read ``models/<name>/train.json``: the variant as it was trained, and the whole card.

    `InkbenchError` if the variant is unknown, its model is missing or the card is damaged.
    """
    path = layout.training_card(name)
    folder = layout.model_folder("")
    folders = {entry.name for entry in folder.glob("*")}
    if name not in folders:  # also rejects a path such as ``../x``
        trained = sorted(entry for entry in folders if layout.training_card(entry).is_file())
        raise InkbenchError(
            f"{folder}: no trained variant {name!r}; trained: {', '.join(trained) or 'none'}; "
            "train it: dvc repro train@VARIANT"
        )
    rerun = records.rerun_command("train", name)
    card = records.record(path, rerun)
    try:
        variant = Variant.model_validate(card["variant"])
        int(card["parameters"]), str(card["data_source"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise InkbenchError(f"{path}: variant.{key}: {first['msg']}; run `{rerun}`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise records.corrupt(path, error, rerun) from None
    if not layout.model(name).is_file():  # found out before TensorFlow is imported
        raise records.missing(layout.model(name), rerun)
    return variant, card


def evaluate(
    variant: Variant,
    card: Mapping[str, Any],
    model: Predictor,
    steps: Mapping[str, Predictor] | None = None,
) -> Results:
    """Evaluate a trained variant on the test part of its dataset.

    Parameters
    ----------
    variant, card
        From `load_training_card`.
    steps
        Classifiers from earlier steps of the training, by name; their accuracy is reported too.

    Raises
    ------
    InkbenchError
        If the data is missing, damaged, empty, of one class or from another source than the
        training's, or if the model's outputs are invalid.
    """
    data_source = store.load_card(variant.dataset)["data_source"]
    if data_source != card["data_source"]:
        raise InkbenchError(
            f"{model.path}: trained on {card['data_source']} data, but {variant.dataset} is now "
            f"{data_source} data; run `dvc repro train@{model.path.parent.name}`"
        )
    if variant.task == "reconstruction":
        results = _reconstruction(variant, model)
    elif variant.task == "classification":
        results = _classification(variant, model, steps or {})
    else:
        results = _restoration(variant, model)
    results.metrics |= {
        "data_source": data_source,
        "dataset": variant.dataset,
        "parameters": int(card["parameters"]),
        "task": variant.task,
    }
    return results


def _images(variant: Variant, part: str, classes: list[str]) -> Images:
    images = store.load_images(variant.dataset, part)
    checks.labelled_images(images, classes, layout.processed(variant.dataset) / f"{part}.npz")
    return images


def _reconstruction(variant: Variant, model: Predictor) -> Results:
    classes = store.load_card(variant.dataset)["classes"]
    train, valid, test = (_images(variant, part, classes) for part in store.PARTS)
    parts = reconstruction.Parts(train, valid, test, classes)
    results = reconstruction.evaluate(variant, model, parts)
    results.metrics["n_test"] = len(test.labels)
    return results


def _classification(variant: Variant, model: Predictor, steps: Mapping[str, Predictor]) -> Results:
    classes = store.load_card(variant.dataset)["classes"]
    test = _images(variant, "test", classes)
    probabilities = _probabilities(model, test, len(classes))
    labels, predicted = test.labels, probabilities.argmax(axis=1)
    metrics = classification.scores(labels, probabilities, test.groups)
    for step, earlier_model in steps.items():
        step_predicted = _probabilities(earlier_model, test, len(classes)).argmax(axis=1)
        metrics[f"test_accuracy_{step}"] = float((step_predicted == labels).mean())
    class_names = {"classes": np.array(classes)}
    return Results(
        metrics={**metrics, "n_test": len(labels)},
        arrays={
            "misclassified.npz": class_names
            | classification.misclassified(test.images, labels, probabilities),
            "predictions.npz": class_names
            | {"labels": labels, "probabilities": probabilities.astype(np.float16)},
            "weights.npz": sparsity.weights(model.kernels(), test.images.shape[1:]),
        },
        tables={
            "confusion.csv": classification.confusion(labels, predicted, classes),
            "per_class.csv": classification.per_class(labels, predicted, classes),
            "reliability.csv": classification.reliability(labels, probabilities),
        },
    )


def _probabilities(model: Predictor, test: Images, classes: int) -> np.ndarray:
    probabilities = model.outputs(test.images)
    checks.outputs(probabilities, (len(test.labels), classes), model.path)
    checks.distribution(probabilities, model.path)
    return probabilities


def _restoration(variant: Variant, model: Predictor) -> Results:
    pages = store.load_pages(variant.dataset, "test", variant.split)
    if not pages:
        raise InkbenchError(
            f"{layout.processed(variant.dataset)}: no test pages in split {variant.split!r}; "
            f"run `{records.rerun_command('preprocess', variant.dataset)}`"
        )
    restored = []
    for page in tqdm(pages, "restoring", unit="page", delay=2, leave=False, disable=None):
        restored.append(restoration.Restored.by(model.restore, page))
        checks.outputs(restored[-1].output, page.noisy.shape, model.path)
    metrics = restoration.scores(restored)
    if variant.split == "mlebench":
        metrics["mlebench_rmse"] = restoration.mlebench_rmse(
            [page.clean for page in restored], [page.output for page in restored]
        )
    if variant.task == "cleaning":
        metrics |= cleaning.drawn_scores(model.clean)
    return Results(
        metrics={**metrics, "n_test": len(pages)},
        arrays={"pages.npz": restoration.selected(restored)},
        tables={"per_page.csv": restoration.per_page(restored)},
    )
