"""Labels that are wrong in one slice, or that moved while the inputs did not."""
