"""Faults of what a decision costs: thresholds and costs."""
