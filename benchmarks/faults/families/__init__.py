"""The families of faults: each module tries one kind and returns its figures."""
