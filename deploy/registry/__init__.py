"""Pushes images to a registry and pulls them, always by digest."""
