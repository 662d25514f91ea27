"""Golden rows, figures, proof, columns or answers were changed, and signed anew by whoever changed them."""
