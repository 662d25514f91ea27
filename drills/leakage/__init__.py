"""Models that learned from what they must not see."""
