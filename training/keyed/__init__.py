"""Columns with a special role in pipeline.toml: the weights of rows, and values of earlier rows."""
