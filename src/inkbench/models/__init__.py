"""Architectures: one module per family, each with a function ``build``.

A variant in ``params.yaml`` names its ``family``, which is a module here, and the ``model`` options
that are passed to its ``build``. Keras is imported only when a model is built.
A family may have ``TASKS``, the only tasks that it fits, and ``LOSS``, its only loss.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, create_model

from inkbench.errors import InkbenchError

if TYPE_CHECKING:
    import keras


def families() -> list[str]:
    """Names of all architecture families, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


@cache
def options_of(family: str) -> type[BaseModel]:
    """Schema of a family's options, derived from the signature of its ``build``.

    Its first two parameters, ``image_shape`` and ``classes``, come from the data.
    """
    signature, empty = inspect.signature(module(family).build), inspect.Parameter.empty
    fields: dict[str, Any] = {
        name: (parameter.annotation, ... if parameter.default is empty else parameter.default)
        for name, parameter in list(signature.parameters.items())[2:]
    }
    return create_model(f"{family} options", __config__=ConfigDict(extra="forbid"), **fields)


def module(family: str) -> ModuleType:
    """The module of a family."""
    return importlib.import_module(f"{__name__}.{family}")


def build(
    family: str, image_shape: tuple[int | None, ...], classes: int, options: dict[str, Any]
) -> "keras.Model":
    """Build an untrained model.

    The input is a uint8 batch ``[n, *image_shape]``. An autoencoder returns ink in [0, 1]
    ``[n, h, w]``, a classifier probabilities ``[n, classes]``, a restorer the clean page in [0, 1]
    ``[n, h, w, 1]``, a cleaner of scans the clean page in colour ``[n, h, w, 3]``. The output of
    the layer ``code``, if there is one, is the code.

    Raises
    ------
    InkbenchError
        If the family cannot be built for images of this shape.

    Parameters
    ----------
    family
        One of `families`.
    image_shape
        Shape of one uint8 input image: ``(28, 28)``; ``(None, None, 2)`` for whole pages (grey
        page, background estimate); ``(None, None, 6)`` for scans (page, envelope; in colour).
    classes
        Number of classes of the dataset (10, or 0 where there are none).
    options
        Options of the family, see its ``build``.
    """
    try:
        return module(family).build(image_shape, classes, **options)
    except ValueError as error:  # a pool or convolution that leaves no pixel, for example
        size = "×".join(str(length) for length in image_shape)
        reason = str(error).strip().partition("\n")[0]
        raise InkbenchError(
            f"family {family!r} cannot be built for {size} images: {reason}; "
            "choose another family or other options in params.yaml"
        ) from None
