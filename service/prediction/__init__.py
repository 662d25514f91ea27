"""From validated rows to a recorded prediction, and the model that makes it."""
