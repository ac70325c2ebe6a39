"""What the families share: layers, and models on disk."""

PAPER = "paper"  # name of the layer of a cleaner of scans whose output is the predicted paper
