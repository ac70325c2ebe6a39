"""What every stage after `preprocess` reads: stored arrays, backgrounds, noise."""
