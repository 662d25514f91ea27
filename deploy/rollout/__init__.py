"""Deploys a new version, or rolls back to an earlier one, without losing a request."""
