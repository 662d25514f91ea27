"""Puts a new version in the place of the one that serves, and back, without losing a request."""
