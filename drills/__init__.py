"""Planted faults: each is put into a copy, and the stage that should refuse it must, by the reason that is its own.

Taught in docs/learn/en/04-delivery.md.
"""
