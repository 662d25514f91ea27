"""Reads and writes rows, batches and answers as JSON, tensors and Arrow; makes the row schema from the model card."""
