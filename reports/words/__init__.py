"""The figures as sentences: what a model does, what was decided and why, what to do next."""
