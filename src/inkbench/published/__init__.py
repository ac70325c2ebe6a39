"""Published results, reproduced with their bugs: one module per claim.

A claim of ``params.yaml`` (``notmnist-basic``) is the module of that name. Its one function,
``reproduce``, trains as the published script does, and again with the bug fixed. It returns
`Results`: the published quantity, the fixed one, and the arrays and tables of the figure. They are
written to ``published/`` under ``metrics/`` and ``evaluations/``, apart from the variants.
"""

import pkgutil

SHARED = ("digits", "letters", "reproduce")  # modules of this package that are not claims


def claims() -> list[str]:
    """Names of all claims that can be reproduced, sorted."""
    names = {module.name for module in pkgutil.iter_modules(__path__)} - set(SHARED)
    return sorted(name.replace("_", "-") for name in names)
