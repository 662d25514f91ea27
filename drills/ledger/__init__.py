"""The count of evaluations on a holdout: avoided by a small change, deleted, or shortened."""
