"""Models that are worse, larger or slower than allowed, and controls that must pass."""
