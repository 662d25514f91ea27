"""Faults of single columns: gone, renamed, retyped, missing, in another unit."""
