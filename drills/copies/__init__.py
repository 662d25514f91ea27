"""The same case in train and holdout: rows of one customer, and near duplicates."""
