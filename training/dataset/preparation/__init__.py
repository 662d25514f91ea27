"""Changes that pipeline.toml makes to a table's values before a model learns from them."""
