"""Downloads: from a mirror, from official hosts, or synthetic data in their place."""
