"""What the service withstands: long runs that try to make it lose, lie or stop. `make torture` runs them all."""
