"""Windows of requests that moved, or did not."""
