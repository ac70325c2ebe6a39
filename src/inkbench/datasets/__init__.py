"""The datasets: one module each, which describes and preprocesses its dataset.

A dataset's module has a ``SPEC`` (see `inkbench.datasets.specs`), which parameters, figures and
report read, and a function ``preprocess``, which turns the raw archives into arrays. Importing one
is cheap: NumPy and Pillow are imported when data is read.
"""

import importlib
import pkgutil
from types import ModuleType

from inkbench.datasets.specs import Spec

_NO_DATASETS = ("specs",)  # modules of this package that are not a dataset


def names() -> list[str]:
    """Names of all datasets, sorted."""
    modules = {module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg}
    return sorted(modules.difference(_NO_DATASETS))


def module(name: str) -> ModuleType:
    """The module of a dataset."""
    return importlib.import_module(f"{__name__}.{name}")


def spec(name: str) -> Spec:
    """The description of a dataset."""
    description: Spec = module(name).SPEC
    return description


def title(name: str) -> str:
    """What figures and report call a dataset; the name itself if its module is gone."""
    return spec(name).title if name in names() else name
