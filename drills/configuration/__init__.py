"""Faults of pipeline.toml and of the files that stages leave for each other."""
