"""Puts what passed every stage into production."""
