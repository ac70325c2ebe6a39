"""Work in many processes and on many machines with Ray: `inkbench repro`, and folders of scans.

The head plans, workers run chains of stages in copies of the tree, and DVC's run-cache on the head
collects the results, so that a plain `dvc repro` at the end writes the same dvc.lock as a serial
run. docs/cluster.md explains it. `pages` is separate: it distributes the files of `denoise`.
"""
