"""What the families share: layers, and models on disk."""
