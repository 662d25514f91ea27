"""Output on a terminal while a stage works."""
