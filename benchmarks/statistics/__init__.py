"""How often the pipeline's statistics err on clean tables of any shape, and what they find."""
