"""One module an exercise: what is asked of the learner's files, and how what is right is known."""
