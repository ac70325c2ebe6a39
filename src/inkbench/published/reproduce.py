"""Reproduces one claim by its name."""

import importlib

from inkbench import data_source
from inkbench.datasets.reading import provenance
from inkbench.evaluation.results import Results
from inkbench.params import Published
from inkbench.training import runtime


def reproduce(claim: str, settings: Published) -> Results:
    """Reproduce one of `inkbench.published.claims`.

    Adds ``data_source``, ``dataset`` and ``epochs`` to the metrics of the claim's module.

    Raises
    ------
    InkbenchError
        If the raw archives are missing, damaged or too small.
    """
    source = data_source.of(provenance.load(settings.dataset))
    # Batches are not split here, so one operation may use all threads.
    runtime.set_up("float32", settings.seed, kernel_threads=runtime.THREADS)
    module = importlib.import_module(f"inkbench.published.{claim.replace('-', '_')}")
    results: Results = module.reproduce(settings)
    results.metrics |= {
        "data_source": source,
        "dataset": settings.dataset,
        "epochs": settings.epochs,
    }
    return results
