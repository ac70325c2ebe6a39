"""The registry of architectures: one module per family, each with one ``build`` function.

A variant of ``params.yaml`` names its ``family`` (the module) and passes ``model`` options to
that module's ``build``. Importing a family is cheap: Keras is imported when a model is built.
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
    """Validated form of a family's options, read off the signature of its ``build``.

    The first two parameters, ``image_shape`` and ``classes``, come from the data, not from options.
    """
    signature = inspect.signature(module(family).build)
    fields: dict[str, Any] = {
        name: (parameter.annotation, parameter.default)
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

    Parameters
    ----------
    family
        One of `families`.
    image_shape
        Shape of one uint8 input image: ``(28, 28)``, or ``(None, None, 2)`` for whole pages
        (grey page, background estimate).
    classes
        Number of classes of the dataset (10, or 0 where there are none).
    options
        Options of the family, see its ``build``.
    """
    try:
        model: keras.Model = module(family).build(image_shape, classes, **options)
    except ValueError as error:  # such as an image too small for the family's poolings
        size = "×".join(str(length) for length in image_shape)
        raise InkbenchError(
            f"family {family!r} cannot be built for {size} images: {error}; "
            "choose another family or other options in params.yaml"
        ) from None
    return model
