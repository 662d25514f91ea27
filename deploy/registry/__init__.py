"""Images on their way to a registry and back, always by digest."""
