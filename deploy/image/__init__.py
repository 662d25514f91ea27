"""The image: built, measured, self-tested, and listed down to its last package."""
