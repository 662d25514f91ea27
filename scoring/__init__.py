"""What training, the service and the drift check must compute alike: predictions of rows, distances of samples.

Imports contracts alone, and goes into the image with them.
"""
