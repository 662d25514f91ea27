"""The tests mirror the code: one folder for each room."""
