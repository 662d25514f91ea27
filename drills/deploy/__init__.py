"""What must not reach production."""
