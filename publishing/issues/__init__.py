"""Tracking issues of scheduled checks: opened when something is found, closed when the check is clean."""
