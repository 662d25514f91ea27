"""What pipeline.toml has done to a table's values before a model learns from them."""
