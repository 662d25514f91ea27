"""Faults of a model folder's graph and card."""
