"""Faults of single columns: dropped, renamed, retyped, missing, in another unit."""
