"""Work in many processes and on many machines with Ray: `inkbench repro`, and folders of scans.

The head plans, workers run chains of stages in copies of the tree, and DVC's run-cache on the head
collects the results, so that plain `dvc repro` at the end writes the dvc.lock of a serial run
(docs/cluster.md). `pages` is separate: it distributes the files of `denoise`.
"""
