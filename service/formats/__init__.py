"""What clients send and get: JSON rows and batches, tensors, Arrow, and the row schema made from the model card."""
