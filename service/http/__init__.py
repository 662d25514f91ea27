"""A request from the connection to the application: protocol, load shedding, keys, body, refusals."""
