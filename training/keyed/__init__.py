"""Columns that a key of pipeline.toml gives a part of their own: what earlier rows tell."""
