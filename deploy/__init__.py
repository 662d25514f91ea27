"""Puts what passed every stage into production.

Taught in docs/learn/en/03-image.md.
"""
