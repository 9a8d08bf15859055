"""Commands and queries about agreements."""
