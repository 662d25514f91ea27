"""Labels that went wrong in one part of the rows, or that moved while the inputs did not."""
