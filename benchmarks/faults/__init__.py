"""Fault injection: long runs that try to make the service lose data, answer wrongly or stop. `make torture`."""
