"""Figures: each function takes arrays and returns a matplotlib Figure.

No function needs TensorFlow, a dataset or pyplot's global state. `style` holds the shared layout,
`variant` draws every figure of one variant from the files of its stages.
"""
