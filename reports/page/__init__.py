"""The report page and the summary: what every stage left behind, on one page."""
