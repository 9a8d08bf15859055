"""The services that can be found, and what answers a question."""
