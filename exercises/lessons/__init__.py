"""What holds the lessons of docs/learn to the code: the drawings, the table of the rubric, English against Spanish."""
