"""Drift, the report page, the site and the scheduled check: what is shown, and what asks for a person.

Taught in docs/learn/en/05-monitoring.md.
"""
