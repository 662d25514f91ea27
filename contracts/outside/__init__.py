"""The outside world: texts in Markdown, addresses and proxies, object storage, and pages of the handbook."""
