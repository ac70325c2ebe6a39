"""One claim, run again by its name."""

import importlib

from inkbench import data_source, hardware, quiet
from inkbench.datasets import fetch
from inkbench.evaluation.results import Results
from inkbench.params import Published

# Generated data says nothing about a claim: there it is enough that everything runs.
_ON_STAND_IN = {"epochs": 2, "train_limit": 2000}  # at most


def audit(claim: str, settings: Published) -> Results:
    """Run a claim again.

    Parameters
    ----------
    claim
        One of `inkbench.published.claims`.
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
    source = data_source.of(fetch.load_provenance(settings.dataset))
    if source == data_source.STAND_IN:
        least = {
            key: min(getattr(settings, key) or most, most) for key, most in _ON_STAND_IN.items()
        }
        settings = settings.model_copy(update=least)
    quiet.start_tensorflow()  # whole batches, so a kernel has all cores
    hardware.set_up("float32", settings.seed)  # as published, and repeatable to the last bit
    module = importlib.import_module(f"inkbench.published.{claim.replace('-', '_')}")
    results: Results = module.audit(settings)
    results.metrics |= {
        "data_source": source,
        "dataset": settings.dataset,
        "epochs": settings.epochs,
    }
    return results
