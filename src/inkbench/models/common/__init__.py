"""What the families share: layers, and models on disk."""

# Names of the layers of a cleaner of scans whose outputs are the predicted paper, and the gain of
# contrast that brings faded ink back.
PAPER = "paper"
GAIN = "gain"
