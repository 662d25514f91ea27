"""What a person at a terminal sees while a stage works."""
