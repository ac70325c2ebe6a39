"""Published claims, run again as they were: one module a claim, its bugs included on purpose.

A claim of ``params.yaml`` (``notmnist-basic``) is the module of that name; its one function,
``audit``, trains what the source document trained, the way its script did, and beside it what the
script meant to. What comes out are `Results`: the figure then and now, and the arrays and tables
of the picture that makes the difference plain. They are filed under ``published/`` among
``metrics/`` and ``evaluations/``, so that no claim is taken for a variant.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inkbench.evaluation.results import Results
    from inkbench.params import Published

SHARED = ("digits", "letters")  # modules of this package that are no claims

# Generated data says nothing about a claim: there it is enough that everything runs.
_ON_STAND_IN = {"epochs": 2, "train_limit": 2000}  # at most


def claims() -> list[str]:
    """Names of all claims that can be run again, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)} - set(SHARED)
    return sorted(name.replace("_", "-") for name in found)


def module(claim: str) -> ModuleType:
    """The module of a claim."""
    return importlib.import_module(f"{__name__}.{claim.replace('-', '_')}")


def audit(claim: str, settings: "Published") -> "Results":
    """Run a claim again.

    Parameters
    ----------
    claim
        One of `claims`.
    settings
        Its block of ``params.yaml``.

    Returns
    -------
    Results
        With ``data_source``, ``dataset`` and ``epochs`` among the metrics. On stand-in data the
        training is cut short.

    Raises
    ------
    InkbenchError
        If the raw archives are missing, damaged or too small.
    """
    from inkbench import hardware
    from inkbench.datasets import cards, fetch

    stand_in = fetch.load_provenance(settings.dataset)["source"] == fetch.STAND_IN
    if stand_in:
        least = {
            key: min(getattr(settings, key) or most, most) for key, most in _ON_STAND_IN.items()
        }
        settings = settings.model_copy(update=least)
    hardware.set_up("float32", settings.seed)  # as published, and repeatable to the last bit
    results = module(claim).audit(settings)
    results.metrics |= {
        "data_source": fetch.STAND_IN if stand_in else cards.REAL,
        "dataset": settings.dataset,
        "epochs": settings.epochs,
    }
    return results
