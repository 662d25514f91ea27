"""Golden rows, metrics, proof, columns or answers were changed in the model folder, which was then signed again."""
