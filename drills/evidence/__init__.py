"""Verdicts that disagree about model, champion, data, settings or image."""
