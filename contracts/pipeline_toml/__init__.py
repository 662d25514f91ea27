"""pipeline.toml: `keys` has its schema, `reader` reads it and names each mistake by its line."""
