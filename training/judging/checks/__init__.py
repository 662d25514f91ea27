"""The gate's checks: each says what was seen, what is required and what to do."""
