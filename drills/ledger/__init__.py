"""The count of looks at the holdout: begun anew, forgotten, or forged."""
