"""Faults of the table's rows: too few, duplicated, from the future, from another table."""
