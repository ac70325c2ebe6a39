"""The layers of a saved Keras model, read from its file: no TensorFlow, no model built.

A ``.keras`` file is a zip of ``config.json`` (layers, and the shape of each tensor between them)
and ``model.weights.h5`` (weights under the layers' names).
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkbench import records

Shape = tuple[int | None, ...]
# Layers that change what the one before gives, not its place in the plan of the network.
_FOLDED = {
    "BatchNormalization": "batch norm",
    "ReLU": "relu",
    "Activation": "",
    "Dropout": "dropout",
    "Flatten": "",
    "Reshape": "",
    "Ink": "",
    "PageChannels": "",
}


@dataclass
class Layer:
    """One layer, or one with the small ones that follow it.

    Attributes
    ----------
    name
        In the model.
    kind
        Keras' class name.
    text
        What it does, in words.
    shape
        Of its output, without the batch; None where it depends on the page.
    parameters
        Numbers it holds.
    inputs
        Names of the layers it takes from.
    scale
        Height and width as a fraction of the input's; of a layer just read, of what it takes.
    """

    name: str
    kind: str
    text: str
    shape: Shape
    parameters: int
    inputs: list[str]
    scale: float


def layers_of(path: Path, rerun: str) -> list[Layer]:
    """Every layer of a functional model, in order, small ones folded into those before.

    Raises
    ------
    InkbenchError
        If the file is missing or is no functional Keras model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]
            counts = _parameters(archive.read("model.weights.h5"))
        layers = list(_layers(config, counts, outer=[]))
    except FileNotFoundError:
        raise records.missing(path, rerun) from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise records.corrupt(path, error, rerun) from None
    _set_scales(layers)
    return _folded(layers)


def _parameters(weights: bytes) -> dict[str, int]:
    """Number of weights by layer name."""
    import h5py

    counts: dict[str, int] = {}

    def visit(_: str, node: Any) -> None:
        if isinstance(node, h5py.Group) and "name" in node.attrs:
            name = str(node.attrs["name"])
            own = [item.size for item in node.values() if isinstance(item, h5py.Dataset)]
            counts[name] = counts.get(name, 0) + sum(own)

    with h5py.File(io.BytesIO(weights), "r") as file:
        file.visititems(visit)
    return counts


def _layers(config: dict[str, Any], counts: dict[str, int], outer: list[str]) -> Iterator[Layer]:
    """Layers of a model and of the models nested in it; ``outer`` feeds a nested one's input."""
    described = config["layers"]
    shapes = {name: shape for layer in described for name, shape in _tensors(layer)}
    renamed: dict[str, str] = {}
    for layer in described:
        name, kind, options = layer["config"]["name"], layer["class_name"], layer["config"]
        inputs = [renamed.get(source, source) for source, _ in _tensors(layer)] or outer
        if kind == "InputLayer" and outer:
            renamed[name] = outer[0]
            continue
        if kind == "Functional":
            inner = list(_layers(options, counts, outer=inputs))
            renamed[name] = inner[-1].name
            yield from inner
            continue
        before = shapes.get(inputs[0]) if inputs else None
        shape = shapes.get(name) or _shape(kind, options, before)
        yield Layer(
            name,
            kind,
            _words(kind, options),
            shape,
            counts.get(name, 0),
            inputs,
            _zoom(kind, options),
        )


def _tensors(layer: dict[str, Any]) -> list[tuple[str, Shape]]:
    """The tensors a layer takes: name of the layer they come from, shape without the batch."""
    found: list[tuple[str, Shape]] = []

    def walk(tree: Any) -> None:
        if isinstance(tree, dict) and tree.get("class_name") == "__keras_tensor__":
            tensor = tree["config"]
            found.append((tensor["keras_history"][0], tuple(tensor["shape"][1:])))
        elif isinstance(tree, dict | list):
            for item in tree.values() if isinstance(tree, dict) else tree:
                walk(item)

    walk(layer["inbound_nodes"])
    return found


def _shape(kind: str, options: dict[str, Any], before: Shape | None) -> Shape:
    """Output shape of a layer that nothing follows, so that no tensor tells it."""
    if kind == "Reshape":
        return tuple(options["target_shape"])
    last = options.get("units") or options.get("filters")
    shape = before or ()
    return (*shape[:-1], last) if last else shape


def _words(kind: str, options: dict[str, Any]) -> str:
    """What a layer does: ``3×3 convolution, 32 channels, stride 2, relu``."""
    activation = options.get("activation")
    tail = [activation] if isinstance(activation, str) and activation != "linear" else []
    if kind in ("Conv2D", "Conv2DTranspose"):
        name = "convolution" if kind == "Conv2D" else "transposed convolution"
        stride = [f"stride {options['strides'][0]}"] if options["strides"][0] > 1 else []
        size = "×".join(map(str, options["kernel_size"]))
        return ", ".join([f"{size} {name}", *stride, *tail])
    if kind == "Dense":
        return ", ".join(["dense", *tail])
    if kind == "MaxPooling2D":
        return f"max pool {'×'.join(map(str, options['pool_size']))}"
    if kind == "UpSampling2D":
        return f"upsample ×{options['size'][0]}"
    if kind == "Dropout":
        return f"dropout {options['rate']:g}"
    return _FOLDED.get(kind) or _NAMES.get(kind, kind)


_NAMES = {
    "InputLayer": "input",
    "Concatenate": "join",
    "Add": "add",
    "GlobalAveragePooling2D": "average over the image",
    "GaussianCode": "draw from the code's distribution",
    "Activation": "activation",
    "Subtract": "subtract",
    "GetItem": "take one channel",
}


def _set_scales(layers: list[Layer]) -> None:
    """Multiply what each layer does to height and width by what came before it."""
    by_name: dict[str, Layer] = {}
    for layer in layers:
        before = [by_name[name].scale for name in layer.inputs if name in by_name]
        layer.scale *= before[-1] if before else 1
        by_name[layer.name] = layer


def _zoom(kind: str, options: dict[str, Any]) -> float:
    """What a layer multiplies height and width by."""
    if kind == "MaxPooling2D":
        return 1 / options["pool_size"][0]
    if kind == "UpSampling2D":
        return options["size"][0]
    stride = options.get("strides", [1])[0]
    return stride if kind == "Conv2DTranspose" else 1 / stride


def _folded(layers: list[Layer]) -> list[Layer]:
    """Fold small layers into the one before them, if they take from it alone."""
    rows: list[Layer] = []
    renamed: dict[str, str] = {}
    for layer in layers:
        layer.inputs = [renamed.get(name, name) for name in layer.inputs]
        home = next((row for row in rows if [row.name] == layer.inputs), None)
        if home is None or not _is_small(layer, home):
            rows.append(layer)
            continue
        renamed[layer.name] = home.name
        home.parameters += layer.parameters
        if layer.kind != "Flatten":
            home.shape = layer.shape
        if _FOLDED.get(layer.kind):
            home.text += f", {layer.text}"
    return rows


def _is_small(layer: Layer, before: Layer) -> bool:
    """Whether a layer is known to be small, or is one of ours that only touches up values."""
    same_size = (layer.shape, layer.scale) == (before.shape, before.scale)
    touches_up = layer.parameters == 0 and same_size
    return layer.kind in _FOLDED or (touches_up and layer.kind not in _NAMES)
