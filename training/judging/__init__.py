"""From two model folders to a decision: what `training/evaluate.py`, the gate, is made of."""
