"""Locust's clients on several processes or machines: who sends what, what is said between them, and what is lost."""
