"""Issues that follow a scheduled question: opened when something is found, closed when all is well."""
