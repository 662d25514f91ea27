"""Verdicts that do not speak of one model, champion, data, settings and image."""
