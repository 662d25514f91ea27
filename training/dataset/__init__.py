"""The parts of the data stage: from a source to checked tables."""
