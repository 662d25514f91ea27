"""Settings that are more relaxed than when the champion was judged: the decision must name each."""
