"""Labels that went wrong in one part of the rows."""
