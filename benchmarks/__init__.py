"""Figures, measured side by side in one run, with the command that makes them.

Taught in docs/learn/en/02-api.md.
"""
