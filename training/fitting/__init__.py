"""From tables to a proved model folder: what `training/train.py` is made of."""
