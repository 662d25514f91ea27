"""What is looked at beside the load: the other routes, the request log, and the machine."""
