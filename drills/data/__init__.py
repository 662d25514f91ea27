"""Faults of the table: in its source, or between two stages."""
