"""Columns that a key of pipeline.toml gives a part of their own: what a row counts, and what earlier rows tell it."""
