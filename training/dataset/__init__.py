"""From a source to checked, cut tables: what `training/data.py` is made of."""
