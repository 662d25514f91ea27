"""The scheduled drift check: production's log, the verdict over several windows, the decision on a retrain."""
