"""Data, train and evaluate: from a table to a decision about a model.

Taught in docs/learn/en/01-cycle.md.
"""
