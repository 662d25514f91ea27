"""Faults of the decision threshold, and of the costs that it is chosen by."""
