"""One case on both sides of the cut: rows of one customer, and rows that are almost the same."""
