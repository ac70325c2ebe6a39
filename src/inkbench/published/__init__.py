"""Published results, reproduced with their bugs: one module per claim.

A claim of ``params.yaml`` (``notmnist-basic``) is the module of that name, listed in `FAMILIES`.
Its one function, ``reproduce``, trains as the published script does, and again with the bug fixed.
It returns `Results`: the published quantity, the fixed one, and the arrays and tables of the
figure. They are written to ``published/`` under ``metrics/`` and ``evaluations/``, apart from the
variants.
"""

FAMILIES = {  # claim → family of the published network
    "mnist-logits": "strided_autoencoder",
    "mnist-sparse-pair": "strided_autoencoder",
    "notmnist-80-images": "cnn",
    "notmnist-basic": "dense_autoencoder",
    "notmnist-multilayer": "conv_autoencoder",
}


def claims() -> list[str]:
    """Names of all claims that can be reproduced, sorted."""
    return sorted(FAMILIES)
