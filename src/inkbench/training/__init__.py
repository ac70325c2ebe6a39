"""How a model is trained: start with `inkbench.training.loop`."""
