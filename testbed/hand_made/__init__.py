"""Hand-made models in the train stage's form."""
