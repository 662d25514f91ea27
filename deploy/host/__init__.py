"""The machine that serves: its engine, the edge, the replicas, the lock and the state kept on it."""
