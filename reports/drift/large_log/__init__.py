"""Drift on a log that is too large to compare row by row: what is counted over all rows, and what a sample shows."""
