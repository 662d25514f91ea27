"""Models by hand, as the train stage would have them."""
