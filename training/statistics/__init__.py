"""Metrics and their intervals, for the search and for the gate. Pure functions on arrays."""
