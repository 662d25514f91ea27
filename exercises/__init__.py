"""The exercises of docs/learn: what a learner edits, the graders, and one solution of each."""
