"""Metrics and their intervals, which the search and the gate use. Pure functions on arrays."""
