"""One claim, run again by its name."""

import importlib

from inkbench import data_source
from inkbench.datasets.reading import provenance
from inkbench.evaluation.results import Results
from inkbench.params import Published
from inkbench.training import runtime

# Generated data says nothing about a claim: there it is enough that everything runs.
_ON_SYNTHETIC = {"epochs": 2, "train_limit": 2000}  # at most


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
        With ``data_source``, ``dataset`` and ``epochs`` among the metrics. On synthetic data the
        training is cut short.

    Raises
    ------
    InkbenchError
        If the raw archives are missing, damaged or too small.
    """
    source = data_source.of(provenance.load(settings.dataset))
    if source == data_source.SYNTHETIC:
        least = {
            key: min(getattr(settings, key) or most, most) for key, most in _ON_SYNTHETIC.items()
        }
        settings = settings.model_copy(update=least)
    # Whole batches, as published: one operation at a time may use all threads.
    runtime.set_up("float32", settings.seed, kernel_threads=runtime.THREADS)
    module = importlib.import_module(f"inkbench.published.{claim.replace('-', '_')}")
    results: Results = module.audit(settings)
    results.metrics |= {
        "data_source": source,
        "dataset": settings.dataset,
        "epochs": settings.epochs,
    }
    return results
