"""Faults of the table's rows: too few, doubled, of the future, of another table."""
