"""What datasets' modules share: reading archives and images, splitting, ``dataset.json``."""
