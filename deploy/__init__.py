"""Builds the image, pushes it, and deploys what passed every stage.

Taught in docs/learn/en/03-image.md.
"""
