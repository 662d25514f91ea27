"""A model that saw what it must not have seen."""
