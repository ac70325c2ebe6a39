"""Figures: each function takes arrays and returns a matplotlib Figure.

Images are ``[n, h, w]``: uint8 as in the dataset (255 is ink, on pages paper) or float in [0, 1] as
a network returns them. ``labels`` are ``[n]``; ``classes`` are their names, indexed by label.

No function needs TensorFlow, a dataset or pyplot's global state. `style` holds the shared layout,
`variant` draws every figure of one variant from the files of its stages.
"""
