"""The checks besides the load: the other routes, the request log, and the machine."""
