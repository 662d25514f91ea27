"""Keeps the lessons of docs/learn true to the code: the drawings, the rubric's table, Spanish against English."""
