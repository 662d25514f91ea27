"""The history of runs: entries made of what the stages wrote, appended to a folder and pruned."""
