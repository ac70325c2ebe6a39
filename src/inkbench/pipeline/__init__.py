"""The pipeline as DVC knows it: what is stale, and results in its run-cache."""
