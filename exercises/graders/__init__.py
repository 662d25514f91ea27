"""Graders that ask a learner's program from outside; none looks at how it is written."""
