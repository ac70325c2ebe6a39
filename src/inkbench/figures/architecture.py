"""The layers of a saved Keras model, read from its file without TensorFlow.

Importing TensorFlow takes 10 s and the plot stages need nothing else of it. A ``.keras`` file is a
zip of ``config.json`` (layers and the shape of each tensor between them) and ``model.weights.h5``.
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
# Layers that are drawn as part of the layer before them, and the text they add to it.
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
    """One layer, together with the folded layers that follow it."""

    name: str
    kind: str  # Keras class name
    text: str  # description
    shape: Shape  # of the output without the batch; None for an open height or width
    parameters: int
    inputs: list[str]  # names of the input layers
    scale: float  # height and width of the output as a fraction of the image's


def layers_of(path: Path, rerun: str) -> list[Layer]:
    """Layers of a functional model in order, with small layers folded into the one before."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]
            counts = _parameters(archive.read("model.weights.h5"))
        layers = list(_layers(config, counts, outer=[]))
    except FileNotFoundError:
        raise records.missing(path, rerun) from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise records.corrupt(path, error, rerun) from None
    scales: dict[str, float] = {}
    for layer in layers:  # relative to the image instead of to the layer's input
        before = [scales[name] for name in layer.inputs if name in scales]
        layer.scale *= before[-1] if before else 1
        scales[layer.name] = layer.scale
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
    """Layers of a model and its nested models; ``outer`` are the inputs of a nested model."""
    layer_configs = config["layers"]
    shapes = {name: shape for layer in layer_configs for name, shape in _tensors(layer)}
    renamed: dict[str, str] = {}
    for layer in layer_configs:
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
        text, scale = _description(kind, options), _scale(kind, options)
        yield Layer(name, kind, text, shape, counts.get(name, 0), inputs, scale)


def _tensors(layer: dict[str, Any]) -> list[tuple[str, Shape]]:
    """Input tensors of a layer: name of the layer that returns them, shape without the batch."""
    tensors: list[tuple[str, Shape]] = []

    def walk(tree: Any) -> None:
        if isinstance(tree, dict) and tree.get("class_name") == "__keras_tensor__":
            tensor = tree["config"]
            tensors.append((tensor["keras_history"][0], tuple(tensor["shape"][1:])))
        elif isinstance(tree, dict | list):
            for item in tree.values() if isinstance(tree, dict) else tree:
                walk(item)

    walk(layer["inbound_nodes"])
    return tensors


def _shape(kind: str, options: dict[str, Any], before: Shape | None) -> Shape:
    """Output shape of a last layer, whose output is no other layer's input."""
    if kind == "Reshape":
        return tuple(options["target_shape"])
    last = options.get("units") or options.get("filters")
    shape = before or ()
    return (*shape[:-1], last) if last else shape


def _description(kind: str, options: dict[str, Any]) -> str:
    """Text such as ``3×3 convolution, stride 2, relu``."""
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
    "Concatenate": "concatenate",
    "Add": "add",
    "GlobalAveragePooling2D": "global average pool",
    "GaussianCode": "sample from the posterior",
    "Activation": "activation",
    "Subtract": "subtract",
    "GetItem": "select channel",
}


def _scale(kind: str, options: dict[str, Any]) -> float:
    """Factor by which a layer changes height and width."""
    if kind == "MaxPooling2D":
        return 1 / options["pool_size"][0]
    if kind == "UpSampling2D":
        return options["size"][0]
    stride = options.get("strides", [1])[0]
    return stride if kind == "Conv2DTranspose" else 1 / stride


def _folded(layers: list[Layer]) -> list[Layer]:
    """Fold small layers into the layer before them if that is their only input."""
    rows: list[Layer] = []
    renamed: dict[str, str] = {}
    for layer in layers:
        layer.inputs = [renamed.get(name, name) for name in layer.inputs]
        before = next((row for row in rows if [row.name] == layer.inputs), None)
        if before is None or not _is_small(layer, before):
            rows.append(layer)
            continue
        renamed[layer.name] = before.name
        before.parameters += layer.parameters
        if layer.kind != "Flatten":
            before.shape = layer.shape
        if _FOLDED.get(layer.kind):
            before.text += f", {layer.text}"
    return rows


def _is_small(layer: Layer, before: Layer) -> bool:
    """Whether a layer is in `_FOLDED`, or a custom layer without parameters and change of size."""
    same_size = (layer.shape, layer.scale) == (before.shape, before.scale)
    is_elementwise = layer.parameters == 0 and same_size
    return layer.kind in _FOLDED or (is_elementwise and layer.kind not in _NAMES)
