"""Windows of requests that drifted, and controls that did not."""
