"""pipeline.toml: `keys` has its schema, `reader` names each mistake by its line, `edits` sets one value of [data]."""
