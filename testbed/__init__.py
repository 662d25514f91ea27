"""What tests and benchmarks share: made-up model folders, a service to start, clients, hostile inputs, an edge."""
