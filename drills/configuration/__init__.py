"""Faults of pipeline.toml and of the files that stages exchange."""
