"""The run history: entries made from the stages' files, appended to a folder and pruned."""
