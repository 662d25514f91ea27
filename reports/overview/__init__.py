"""The site's first page, and its plots over time."""
