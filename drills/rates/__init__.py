"""Measured error rates of each gate: how often it alarms without a fault, and how often it finds one."""
