"""Faults of a model folder, and the two that must get through: an equal one and a better one."""
