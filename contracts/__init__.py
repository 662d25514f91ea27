"""The files that cross a boundary between two stages, each with its schema. Imports nothing of ours.

Taught in docs/learn/en/01-cycle.md.
"""
