"""The scheduled drift check: production's log, the verdict over several windows, and whether a retrain is due."""
