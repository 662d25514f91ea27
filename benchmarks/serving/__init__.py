"""The serving benchmark: this service, the ceiling and the usual endpoint, side by side in one run."""
