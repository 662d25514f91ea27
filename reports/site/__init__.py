"""The site: the report of each run, and plots over the history of all runs."""
