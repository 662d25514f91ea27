"""Logs whose rows or predictions are not what they look like: repeated, or of other rows."""
