"""The parts of the train stage: from tables to a model folder whose export is proved."""
