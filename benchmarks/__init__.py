"""Figures, measured side by side in one run, with the command that makes them."""
