"""Synthetic data for machines that reach no host: the official file names and formats, new content.

Letters come from the fonts of installed packages, digits from scikit-learn's handwritten ones,
pages from text on synthesised paper. The bytes depend on library versions only: every random
number comes from a fixed seed, every archive has fixed times and sorted members. Scans of all kinds
are drawn while a model is trained on them.
"""
