"""May this be deployed? One rule set: for `make promote`, for a release, and for the rollout on a host."""
