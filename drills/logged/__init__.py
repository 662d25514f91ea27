"""Logs whose rows or predictions are not what they look like: repeated, or of other rows."""

OTHER_PREDICTIONS = (
    r"Predictions do not follow from the logged features: of [\d,]+ rows, scored again, [\d,]+ get another one"
)
