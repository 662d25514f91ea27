"""The figures in words: what a model does, what was decided and why, what to do next."""
