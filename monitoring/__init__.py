"""Monitoring of the service: Prometheus and its rules, Alertmanager, Grafana, and a page for the drift verdict.

Taught in docs/learn/en/05-monitoring.md.
"""
