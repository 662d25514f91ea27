"""Graders that test a learner's program from outside; none reads its code."""
