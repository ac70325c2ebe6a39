"""`inkbench repro`: the stages of dvc.yaml side by side on Ray, on one machine or many.

The head plans, workers run chains of stages in copies of the tree, and DVC's run-cache on the head
collects the results, so that a plain `dvc repro` at the end writes the same dvc.lock as a serial
run. docs/cluster.md explains it.
"""
