"""Answers that look right one by one: other routes, ids, the request log, and which rows were asked."""
