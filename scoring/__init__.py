"""What training, the service and the drift check must compute alike: predictions of rows, distances of samples.

Imports contracts alone, and goes into the image with them.

Taught in docs/learn/en/02-api.md.
"""
