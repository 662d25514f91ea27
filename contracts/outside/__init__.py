"""What comes from outside: texts that go into Markdown, addresses that a request or a key goes to."""
