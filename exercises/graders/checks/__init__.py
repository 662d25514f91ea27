"""One module for each exercise: its checks, and how each knows the right answer."""
