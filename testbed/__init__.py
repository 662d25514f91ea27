"""Shared by tests and benchmarks: hand-made model folders, a service to start, clients, hostile inputs, an edge."""
