"""Drills: planted faults, each in a copy of the chain, with the stage that must refuse it and the reason for that.

Taught in docs/learn/en/04-delivery.md.
"""
