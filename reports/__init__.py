"""Drift, the report page, the site and the scheduled check: what the project reports.

Taught in docs/learn/en/05-monitoring.md.
"""
