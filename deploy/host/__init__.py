"""The host in production: its engine, the edge, the replicas, the deploy lock and the deploy state."""
