"""What must not get into production."""
