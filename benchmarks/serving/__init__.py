"""The serving benchmark: this service, bare uvicorn and the usual endpoint, side by side in one run."""
