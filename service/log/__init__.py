"""The request log that the service writes, and the index of the ids in it."""
