"""What training, the service and the drift check must compute identically: predictions, and distances of samples.

Imports only contracts, and is copied into the image with it.

Taught in docs/learn/en/02-api.md.
"""
