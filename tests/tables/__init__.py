"""Public tables that packages ship, each through the whole chain by pipeline.toml alone."""
