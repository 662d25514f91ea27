"""Dates in requests and tables, read by one function, and the calendar parts that are features."""
