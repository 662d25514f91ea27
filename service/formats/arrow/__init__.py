"""Batches as Arrow streams: `rows` reads what a client sends, `answer` writes the answer."""
