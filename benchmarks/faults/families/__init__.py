"""The families of faults: each tries one kind, and says what it saw."""
