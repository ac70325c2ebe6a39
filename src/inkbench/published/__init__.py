"""Published claims, run again as they were: one module a claim, its bugs included on purpose.

A claim of ``params.yaml`` (``notmnist-basic``) is the module of that name; its one function,
``audit``, trains what the source document trained, the way its script did, and beside it what the
script meant to. What comes out are `Results`: the figure then and now, and the arrays and tables
of the picture that makes the difference plain. They are filed under ``published/`` among
``metrics/`` and ``evaluations/``, so that no claim is taken for a variant.
"""

import pkgutil

SHARED = ("digits", "letters", "rerun")  # modules of this package that are no claims


def claims() -> list[str]:
    """Names of all claims that can be run again, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)} - set(SHARED)
    return sorted(name.replace("_", "-") for name in found)
