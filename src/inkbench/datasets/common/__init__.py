"""Code that the stages after `preprocess` need: stored arrays, backgrounds, noise."""
