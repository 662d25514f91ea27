"""Scores validated rows and records each prediction; holds the model, and reloads it."""
